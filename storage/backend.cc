// SPDX-License-Identifier: Apache-2.0
#include "storage/backend.h"

namespace nodevol::storage {

absl::Status Backend::DescribeSnapshot(const v1::VolumeRecord& source,
                                       v1::SnapshotRecord& snapshot) {
  if (source.has_image()) {
    *snapshot.mutable_image() = source.image();
  } else {
    *snapshot.mutable_directory() = source.directory();
  }
  return absl::OkStatus();
}

}  // namespace nodevol::storage

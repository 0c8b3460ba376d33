// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_INSPECTION_H_
#define NODEVOL_STORAGE_INSPECTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "storage/backend.h"
#include "storage/mount_index.h"

// What LocalStorage tells an administrator.
namespace nodevol::storage {

// A volume or snapshot that exists and can't be used.
struct DamagedObject {
  std::string pool;
  std::string id;
  std::string path;  // of its directory
  absl::Status why;
};

// What is known of a volume beside its record, without a look at the disk.
struct VolumeFigures {
  std::string pool;
  std::string path;           // of its directory
  int64_t written_bytes = 0;  // a minute ago
  // Where it may be mounted: what was unmounted behind the driver's back is still among them.
  std::vector<std::string> mounts;
};

// What the disk and the kernel say of a volume now.
struct MeasuredVolume {
  int64_t written_bytes = 0;
  std::vector<VolumeMount> mounts;
  std::optional<VolumeUsage> usage;  // while it is mounted
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_INSPECTION_H_

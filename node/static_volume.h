// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_STATIC_VOLUME_H_
#define NODEVOL_NODE_STATIC_VOLUME_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "csi/csi.pb.h"
#include "node/static_source.h"
#include "node/target_path.h"
#include "proto/storage.pb.h"
#include "storage/local_storage.h"
#include "storage/static_volume.h"

// Publishing static volumes (storage/static_volume.h): a bind mount of what stands at the path, and
// for a directory of all that is mounted beneath it. The kernel's mounts are the only state. They
// are not staged, and any number of pods may have one.
namespace nodevol::node {

struct StaticPublication {
  storage::StaticVolume volume;
  v1::VolumeCapability capability;
  bool read_only = false;
};

// OK when it is there already. INVALID_ARGUMENT for what can't be read-only and is to be, for a
// path that contains the target, and as OpenStaticSource; FAILED_PRECONDITION when the target is
// taken; ALREADY_EXISTS when it is there with another readonly flag.
absl::Status PublishStatic(const storage::LocalStorage& storage, const StaticPrefixes& prefixes,
                           const StaticPublication& wanted, const TargetPath& target);

// Takes down what is mounted at the target, all layers, and removes the target. Neither the path
// nor the flag is known here, so that pods can end whatever became of the two. FAILED_PRECONDITION
// when it is one of this driver's own volumes, or a filesystem that was made for that place.
absl::Status UnpublishStatic(const TargetPath& target);

// Figures of the static volume that is mounted at the path: of a directory those of its filesystem,
// of a file or a block device its size, of others none. NOT_FOUND when nothing is mounted there.
absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> StaticUsage(const std::string& path);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_STATIC_VOLUME_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_VOLUME_MOUNTER_H_
#define NODEVOL_NODE_VOLUME_MOUNTER_H_

#include <string>

#include "absl/status/status.h"

#include "node/target_path.h"
#include "proto/storage.pb.h"
#include "storage/local_storage.h"

// Staging and publishing one volume on this node. The kernel's mounts are the only state: a step
// that was done is seen there and not done twice, so every call can be repeated, also by another
// process.
//
// A filesystem volume is mounted once, at its staging path, and bound from there to its targets. A
// raw block volume has its loop device bound to the file `device` in the staging path, which is
// what shows that it is staged, and from there to its targets. A read-only target of a block volume
// has a read-only loop device of its own, since a read-only mount does not keep anybody from
// writing to a device.
namespace nodevol::node {

// FAILED_PRECONDITION when the volume lacks the capability, is staged elsewhere, or the path is
// taken or missing; ALREADY_EXISTS when it is staged there with another capability.
absl::Status StageVolume(storage::LocalVolume& volume, const TargetPath& staging,
                         const v1::VolumeCapability& capability);
// OK when it is not staged there. FAILED_PRECONDITION while it is published.
absl::Status UnstageVolume(storage::LocalVolume& volume, const TargetPath& staging);

struct PublishRequest {
  const TargetPath& staging;
  const TargetPath& target;
  const v1::VolumeCapability& capability;
  bool read_only = false;
};

// FAILED_PRECONDITION when the volume is not staged at the staging path, lacks the capability, is
// published elsewhere in a mode that allows one target, or the target is taken; ALREADY_EXISTS when
// it is published there in another way.
absl::Status PublishVolume(storage::LocalVolume& volume, const PublishRequest& request);
// OK when it is not published there. FAILED_PRECONDITION when something else is.
absl::Status UnpublishVolume(storage::LocalVolume& volume, const TargetPath& target);

// The mount of this volume at the path: of a filesystem volume its root, of a block volume the
// device, also when the path is its staging path. NOT_FOUND when the volume is not there.
absl::StatusOr<UniqueFd> OpenVolumeAt(storage::LocalVolume& volume, const std::string& path);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_VOLUME_MOUNTER_H_

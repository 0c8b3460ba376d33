// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_INLINE_VOLUME_H_
#define NODEVOL_NODE_INLINE_VOLUME_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "csi/csi.pb.h"
#include "node/target_path.h"
#include "proto/storage.pb.h"
#include "storage/local_storage.h"

// Inline volumes: a pod has its volume's attributes in its own description, and kubelet publishes
// it without anything before. The volume is made then, mounted at its one target, and deleted when
// it is unpublished.
namespace nodevol::node {

// True when the request's volume context says that the volume is an inline one. INVALID_ARGUMENT
// for a word that is neither "true" nor "false".
absl::StatusOr<bool> IsInline(const csi::v1::NodePublishVolumeRequest& request);

// What such a request asks for.
struct InlineVolume {
  v1::EphemeralVolume owner;
  // As a CreateVolume request would say it; named by the owner's volume_id.
  v1::VolumeRequest request;

  [[nodiscard]] const v1::VolumeCapability& capability() const { return request.capabilities(0); }
};

// INVALID_ARGUMENT for what is missing, not known or no inline volume's: a block capability, the id
// or an attribute of another kind of volume.
absl::StatusOr<InlineVolume> ParseInlineVolume(const csi::v1::NodePublishVolumeRequest& request);

// Mounts the volume at its target. OK when it is there; ALREADY_EXISTS when it is there in another
// way; FAILED_PRECONDITION when it lacks the capability, or the target is taken.
absl::Status PublishInline(storage::LocalVolume& volume, const TargetPath& target,
                           const v1::VolumeCapability& capability, bool read_only);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_INLINE_VOLUME_H_

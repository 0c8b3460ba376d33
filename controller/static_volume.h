// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_STATIC_VOLUME_H_
#define NODEVOL_CONTROLLER_STATIC_VOLUME_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "csi/csi.pb.h"

// What the controller says of static volumes (storage/static_volume.h). It keeps nothing of them
// and can't see their paths, so it answers from the request alone.
namespace nodevol::controller {

// INVALID_ARGUMENT for a bad id, capability or context; NOT_FOUND for a node that is not
// known.
absl::Status CheckStaticPublish(const csi::v1::ControllerPublishVolumeRequest& request,
                                bool node_is_known);
// INVALID_ARGUMENT for a bad id. What is not confirmed has a message.
absl::StatusOr<csi::v1::ValidateVolumeCapabilitiesResponse> ValidateStatic(
    const csi::v1::ValidateVolumeCapabilitiesRequest& request);
// INVALID_ARGUMENT: `what` ("be expanded") is nothing that can be done with a static volume.
absl::Status CannotBeDone(const std::string& volume_id, absl::string_view what);

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_STATIC_VOLUME_H_

// SPDX-License-Identifier: Apache-2.0
#include "controller/static_volume.h"

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "rpc/convert.h"
#include "storage/static_volume.h"

namespace nodevol::controller {
namespace {

// A capability, for the volume of the context where there is one.
absl::Status CheckCapability(const csi::v1::VolumeCapability& capability,
                             const storage::ParameterMap& context) {
  ASSIGN_OR_RETURN(const v1::VolumeCapability checked, rpc::ParseStaticCapability(capability));
  if (context.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const storage::StaticVolume volume, storage::ParseStaticVolume(context));
  return storage::CheckStaticCapability(volume.type, checked);
}

absl::Status CheckConfirmed(const csi::v1::ValidateVolumeCapabilitiesRequest& request) {
  for (const csi::v1::VolumeCapability& capability : request.volume_capabilities()) {
    RETURN_IF_ERROR(CheckCapability(capability, request.volume_context()));
  }
  if (!request.parameters().empty() || !request.mutable_parameters().empty()) {
    return absl::InvalidArgumentError("a static volume has no parameters");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckStaticPublish(const csi::v1::ControllerPublishVolumeRequest& request,
                                bool node_is_known) {
  RETURN_IF_ERROR(storage::CheckStaticId(request.volume_id()));
  RETURN_IF_ERROR(CheckCapability(request.volume_capability(), request.volume_context()));
  if (node_is_known) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("node \"", request.node_id(), "\" is not known"));
}

absl::StatusOr<csi::v1::ValidateVolumeCapabilitiesResponse> ValidateStatic(
    const csi::v1::ValidateVolumeCapabilitiesRequest& request) {
  RETURN_IF_ERROR(storage::CheckStaticId(request.volume_id()));
  csi::v1::ValidateVolumeCapabilitiesResponse response;
  if (const absl::Status confirmed = CheckConfirmed(request); !confirmed.ok()) {
    response.set_message(std::string(confirmed.message()));
    return response;
  }
  auto& confirmed = *response.mutable_confirmed();
  *confirmed.mutable_volume_capabilities() = request.volume_capabilities();
  *confirmed.mutable_volume_context() = request.volume_context();
  return response;
}

absl::Status CannotBeDone(const std::string& volume_id, absl::string_view what) {
  RETURN_IF_ERROR(storage::CheckStaticId(volume_id));
  return absl::InvalidArgumentError(
      absl::StrCat(volume_id, " is a static volume, a path of a node; it can't ", what));
}

}  // namespace nodevol::controller

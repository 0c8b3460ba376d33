// SPDX-License-Identifier: Apache-2.0
//
// NodeHandler's calls that mount nothing: on volumes in use, and on the node itself.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "node/node_handler.h"
#include "node/request_error.h"
#include "node/usage_message.h"
#include "node/volume_mounter.h"
#include "rpc/convert.h"
#include "rpc/required_field.h"
#include "storage/capability.h"
#include "storage/static_volume.h"

namespace nodevol::node {

using storage::LocalVolume;
using storage::VolumeId;

void NodeHandler::GetVolumeStats(const csi::v1::NodeGetVolumeStatsRequest& request,
                                 Callback<csi::v1::NodeGetVolumeStatsResponse> done) {
  if (request.volume_id().empty()) return std::move(done)(rpc::Required("volume_id"));
  if (request.volume_path().empty()) return std::move(done)(rpc::Required("volume_path"));
  if (storage::IsStaticId(request.volume_id())) return static_.GetStats(request, std::move(done));
  std::optional<VolumeId> id = ManagedId(request.volume_id());
  if (!id.has_value()) id = inline_.Find(request.volume_id());
  if (!id.has_value()) return std::move(done)(NoSuchVolume(request.volume_id()));
  storage_.WithVolume<csi::v1::NodeGetVolumeStatsResponse>(
      *id, /*exclusive=*/false,
      [path = request.volume_path()](
          LocalVolume& volume) -> absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> {
        ASSIGN_OR_RETURN(const UniqueFd mounted, OpenVolumeAt(volume, path));
        ASSIGN_OR_RETURN(
            const storage::VolumeUsage usage,
            volume.backend().Usage(volume.object.get(), *volume.record, mounted.get()));
        return ToCsi(usage, storage::IsBlock(*volume.record));
      },
      std::move(done));
}

void NodeHandler::ExpandVolume(const csi::v1::NodeExpandVolumeRequest& request,
                               Callback<csi::v1::NodeExpandVolumeResponse> done) {
  const v1::CapacityRange range = rpc::FromCsi(request.capacity_range());
  std::optional<v1::VolumeCapability> capability;
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return rpc::Required("volume_id");
    if (request.volume_path().empty()) return rpc::Required("volume_path");
    if (range.required_bytes() < 0 || range.limit_bytes() < 0) {
      return absl::InvalidArgumentError(absl::StrCat("capacity_range is negative: required_bytes ",
                                                     range.required_bytes(), ", limit_bytes ",
                                                     range.limit_bytes()));
    }
    if (storage::IsStaticId(request.volume_id())) return static_.Expand(request);
    if (request.has_volume_capability()) {
      ASSIGN_OR_RETURN(capability, rpc::ParseCapability(request.volume_capability()));
    }
    return absl::OkStatus();
  }();
  if (!valid.ok()) return std::move(done)(valid);
  const std::optional<VolumeId> id = ManagedId(request.volume_id());
  if (!id.has_value()) {
    if (!inline_.Find(request.volume_id()).has_value()) {
      return std::move(done)(NoSuchVolume(request.volume_id()));
    }
    return std::move(done)(absl::InvalidArgumentError(
        absl::StrCat(request.volume_id(), " is an inline volume, which keeps its size")));
  }
  storage_.WithVolume<csi::v1::NodeExpandVolumeResponse>(
      *id, /*exclusive=*/true,
      [path = request.volume_path(), range,
       capability](LocalVolume& volume) -> absl::StatusOr<csi::v1::NodeExpandVolumeResponse> {
        if (capability.has_value()) {
          const absl::Status has = storage::CheckVolumeHas(*volume.record, *capability);
          // The spec's code is another here than when the volume is used.
          if (!has.ok()) return absl::InvalidArgumentError(has.message());
        }
        const int64_t size = volume.record->size_bytes();
        ASSIGN_OR_RETURN(const UniqueFd mounted, OpenVolumeAt(volume, path));
        if (range.required_bytes() > size ||
            (range.limit_bytes() > 0 && range.limit_bytes() < size)) {
          return absl::OutOfRangeError(
              absl::StrCat("the volume has ", size,
                           " bytes; ControllerExpandVolume changes that, and comes first"));
        }
        RETURN_IF_ERROR(
            volume.backend().GrowInUse(volume.object.get(), *volume.record, mounted.get()));
        csi::v1::NodeExpandVolumeResponse response;
        response.set_capacity_bytes(size);
        return response;
      },
      std::move(done));
}

csi::v1::NodeGetCapabilitiesResponse NodeHandler::GetCapabilities() const {
  using Rpc = csi::v1::NodeServiceCapability::RPC;
  csi::v1::NodeGetCapabilitiesResponse response;
  for (const Rpc::Type type : {Rpc::STAGE_UNSTAGE_VOLUME, Rpc::GET_VOLUME_STATS, Rpc::EXPAND_VOLUME,
                               Rpc::SINGLE_NODE_MULTI_WRITER}) {
    response.add_capabilities()->mutable_rpc()->set_type(type);
  }
  if (health_) {
    for (const Rpc::Type type : {Rpc::GET_VOLUME_HEALTH, Rpc::GET_STORAGE_HEALTH}) {
      response.add_capabilities()->mutable_rpc()->set_type(type);
    }
  }
  return response;
}

csi::v1::NodeGetInfoResponse NodeHandler::GetInfo() const {
  csi::v1::NodeGetInfoResponse response;
  response.set_node_id(storage_.node_id());
  *response.mutable_accessible_topology() = topology_.SegmentOf(storage_.node_id());
  return response;
}

}  // namespace nodevol::node

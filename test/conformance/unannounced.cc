// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/unannounced.h"

#include <map>

#include "absl/strings/match.h"

#include "test/support/request_fields.h"

namespace nodevol::testing {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr char kNothing[] = "nothing-has-this-name";

bool IsIdOrName(const std::string& field) {
  return field == "name" || absl::EndsWith(field, "_id") || absl::EndsWith(field, "_ids");
}

void FillIn(Message& request, const ConformanceOptions& options) {
  for (const TextField& text : AllTextFields()) {
    if (&text.request() != request.GetDescriptor()) continue;
    const std::string& field = text.field().name();
    // A source or requirements would be fields of their own capability.
    const bool at_top = text.field().containing_type() == request.GetDescriptor();
    if (at_top && IsIdOrName(field)) text.Put(request, kNothing);
    if (at_top && absl::EndsWith(field, "_path")) {
      text.Put(request, options.work_directory + "/" + kNothing);
    }
  }
  for (const char* const name : {"volume_capability", "volume_capabilities"}) {
    const FieldDescriptor* const field = request.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) continue;
    Message* const capability = field->is_repeated()
                                    ? request.GetReflection()->AddMessage(&request, field)
                                    : request.GetReflection()->MutableMessage(&request, field);
    capability->CopyFrom(options.capability);
  }
  const FieldDescriptor* const range = request.GetDescriptor()->FindFieldByName("capacity_range");
  if (range == nullptr) return;
  csi::v1::CapacityRange wanted;
  wanted.set_required_bytes(options.volume_bytes);
  request.GetReflection()->MutableMessage(&request, range)->CopyFrom(wanted);
}

template <typename... Request>
Requests Of(const ConformanceOptions& options) {
  Requests requests;
  (requests.push_back(std::make_unique<Request>()), ...);
  for (const std::unique_ptr<Message>& request : requests) FillIn(*request, options);
  return requests;
}

}  // namespace

Requests RequestsOf(PluginService::Type capability, const ConformanceOptions& options) {
  using namespace csi::v1;
  switch (capability) {
    case PluginService::CONTROLLER_SERVICE:
      return Of<ControllerGetCapabilitiesRequest, ValidateVolumeCapabilitiesRequest>(options);
    case PluginService::GROUP_CONTROLLER_SERVICE:
      return Of<GroupControllerGetCapabilitiesRequest>(options);
    case PluginService::SNAPSHOT_METADATA_SERVICE:
      return Of<GetMetadataAllocatedRequest, GetMetadataDeltaRequest>(options);
    default:
      return {};
  }
}

Requests RequestsOf(ControllerRpc::Type capability, const ConformanceOptions& options) {
  using namespace csi::v1;
  switch (capability) {
    case ControllerRpc::CREATE_DELETE_VOLUME:
      return Of<CreateVolumeRequest, DeleteVolumeRequest>(options);
    case ControllerRpc::PUBLISH_UNPUBLISH_VOLUME:
      return Of<ControllerPublishVolumeRequest, ControllerUnpublishVolumeRequest>(options);
    case ControllerRpc::LIST_VOLUMES:
      return Of<ListVolumesRequest>(options);
    case ControllerRpc::GET_CAPACITY:
      return Of<GetCapacityRequest>(options);
    case ControllerRpc::CREATE_DELETE_SNAPSHOT:
      return Of<CreateSnapshotRequest, DeleteSnapshotRequest>(options);
    case ControllerRpc::LIST_SNAPSHOTS:
      return Of<ListSnapshotsRequest>(options);
    case ControllerRpc::EXPAND_VOLUME:
      return Of<ControllerExpandVolumeRequest>(options);
    case ControllerRpc::GET_VOLUME:
      return Of<ControllerGetVolumeRequest>(options);
    case ControllerRpc::MODIFY_VOLUME: {
      Requests requests = Of<ControllerModifyVolumeRequest>(options);
      auto& modify = static_cast<ControllerModifyVolumeRequest&>(*requests.front());
      (*modify.mutable_mutable_parameters())["key"] = "value";
      return requests;
    }
    case ControllerRpc::GET_SNAPSHOT:
      return Of<GetSnapshotRequest>(options);
    case ControllerRpc::GET_VOLUME_HEALTH:
      return Of<ControllerGetVolumeHealthRequest>(options);
    case ControllerRpc::LIST_VOLUME_HEALTH:
      return Of<ControllerListVolumeHealthRequest>(options);
    default:
      return {};
  }
}

Requests RequestsOf(GroupRpc::Type capability, const ConformanceOptions& options) {
  using namespace csi::v1;
  if (capability != GroupRpc::CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT) return {};
  return Of<CreateVolumeGroupSnapshotRequest, DeleteVolumeGroupSnapshotRequest,
            GetVolumeGroupSnapshotRequest>(options);
}

Requests RequestsOf(NodeRpc::Type capability, const ConformanceOptions& options) {
  using namespace csi::v1;
  switch (capability) {
    case NodeRpc::STAGE_UNSTAGE_VOLUME:
      return Of<NodeStageVolumeRequest, NodeUnstageVolumeRequest>(options);
    case NodeRpc::GET_VOLUME_STATS:
      return Of<NodeGetVolumeStatsRequest>(options);
    case NodeRpc::EXPAND_VOLUME:
      return Of<NodeExpandVolumeRequest>(options);
    case NodeRpc::GET_VOLUME_HEALTH:
      return Of<NodeGetVolumeHealthRequest>(options);
    case NodeRpc::GET_STORAGE_HEALTH:
      return Of<NodeGetStorageHealthRequest>(options);
    default:
      return {};
  }
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include "controller/group_handler.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "controller/foreign_id.h"
#include "controller/snapshot_message.h"
#include "rpc/required_field.h"
#include "storage/group_request.h"

namespace nodevol::controller {
namespace {

using storage::GroupId;

// A group that exists is ready: its members are cut before it is answered.
csi::v1::VolumeGroupSnapshot ToCsi(const storage::GroupSnapshot& group) {
  csi::v1::VolumeGroupSnapshot converted;
  converted.set_group_snapshot_id(group.group->id());
  for (const storage::SnapshotPtr& member : group.members) {
    *converted.add_snapshots() = ToCsiSnapshot(*member);
  }
  *converted.mutable_creation_time() = group.group->created();
  converted.set_ready_to_use(true);
  return converted;
}

template <typename Request>
std::vector<std::string> SnapshotIdsOf(const Request& request) {
  return {request.snapshot_ids().begin(), request.snapshot_ids().end()};
}

}  // namespace

csi::v1::GroupControllerGetCapabilitiesResponse GroupHandler::GetCapabilities() {
  using Rpc = csi::v1::GroupControllerServiceCapability::RPC;
  csi::v1::GroupControllerGetCapabilitiesResponse response;
  response.add_capabilities()->mutable_rpc()->set_type(
      Rpc::CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT);
  return response;
}

void GroupHandler::CreateGroupSnapshot(const Context& context,
                                       const csi::v1::CreateVolumeGroupSnapshotRequest& request,
                                       Callback<csi::v1::CreateVolumeGroupSnapshotResponse> done) {
  if (request.name().empty() || request.source_volume_ids().empty()) {
    return std::move(done)(rpc::Required(request.name().empty() ? "name" : "source_volume_ids"));
  }
  v1::GroupSnapshotRequest converted;
  converted.set_name(request.name());
  *converted.mutable_source_volume_ids() = request.source_volume_ids();
  *converted.mutable_parameters() = request.parameters();
  const absl::StatusOr<Place> place = cluster_.PlaceGroup(converted);
  if (!place.ok()) return std::move(done)(place.status());
  Callback<storage::GroupSnapshot> answer =
      Converting<storage::GroupSnapshot>(std::move(done), [](const storage::GroupSnapshot& group) {
        csi::v1::CreateVolumeGroupSnapshotResponse response;
        *response.mutable_group_snapshot() = ToCsi(group);
        return response;
      });
  place->node->CreateGroupSnapshot(context, converted, EndingHold(*place, std::move(answer)));
}

void GroupHandler::DeleteGroupSnapshot(const Context& context,
                                       const csi::v1::DeleteVolumeGroupSnapshotRequest& request,
                                       Callback<csi::v1::DeleteVolumeGroupSnapshotResponse> done) {
  StatusCallback answer = AnsweringEmpty(std::move(done));
  const std::optional<GroupId> id = GroupId::Parse(request.group_snapshot_id());
  if (!id.has_value()) {
    return std::move(answer)(CheckForeignId("group_snapshot_id", request.group_snapshot_id()));
  }
  const absl::StatusOr<NodePtr> node =
      cluster_.NodeToDelete({storage::ObjectKind::kGroup, id->text(), SnapshotIdsOf(request)});
  if (!node.ok() || *node == nullptr) return std::move(answer)(node.status());
  (*node)->DeleteGroupSnapshot(context, *id, SnapshotIdsOf(request), std::move(answer));
}

absl::StatusOr<csi::v1::GetVolumeGroupSnapshotResponse> GroupHandler::GetGroupSnapshot(
    const csi::v1::GetVolumeGroupSnapshotRequest& request) const {
  if (request.group_snapshot_id().empty()) return rpc::Required("group_snapshot_id");
  const std::optional<GroupId> id = GroupId::Parse(request.group_snapshot_id());
  if (!id.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("group snapshot \"", request.group_snapshot_id(), "\" does not exist"));
  }
  ASSIGN_OR_RETURN(const NodePtr node, cluster_.NodeToAsk(id->text()));
  ASSIGN_OR_RETURN(const storage::GroupSnapshot group, node->GetGroupSnapshot(*id));
  RETURN_IF_ERROR(storage::CheckGroupMembers(*group.group, SnapshotIdsOf(request)));
  csi::v1::GetVolumeGroupSnapshotResponse response;
  *response.mutable_group_snapshot() = ToCsi(group);
  return response;
}

}  // namespace nodevol::controller

// SPDX-License-Identifier: Apache-2.0
//
// The calls that only look: answered from memory.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "controller/controller_handler.h"
#include "controller/page_token.h"
#include "controller/snapshot_message.h"
#include "controller/static_volume.h"
#include "rpc/convert.h"
#include "rpc/health_message.h"
#include "rpc/required_field.h"
#include "storage/capability.h"
#include "storage/static_volume.h"
#include "storage/volume_attributes.h"
#include "storage/volume_spec.h"

namespace nodevol::controller {
namespace {

using google::protobuf::util::MessageDifferencer;

absl::StatusOr<storage::ListQuery> ToListQuery(ListKind kind, int32_t max_entries,
                                               const std::string& token) {
  if (max_entries < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_entries is ", max_entries, "; it must not be negative"));
  }
  ASSIGN_OR_RETURN(std::string after, ParsePageToken(kind, token));
  return storage::ListQuery{std::move(after), static_cast<size_t>(max_entries)};
}

bool SameMap(const storage::ParameterMap& a, const storage::ParameterMap& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&b](const auto& entry) {
           const auto found = b.find(entry.first);
           return found != b.end() && found->second == entry.second;
         });
}

// Why the volume is not as the request has it; OK when it is.
absl::Status CheckConfirmed(const v1::VolumeRecord& volume,
                            const csi::v1::ValidateVolumeCapabilitiesRequest& request) {
  for (const csi::v1::VolumeCapability& capability : request.volume_capabilities()) {
    ASSIGN_OR_RETURN(const v1::VolumeCapability checked, rpc::ParseCapability(capability));
    RETURN_IF_ERROR(storage::CheckVolumeHas(volume, checked));
  }
  if (!request.parameters().empty() &&
      !SameMap(request.parameters(), volume.request().parameters())) {
    return absl::InvalidArgumentError("the volume was made with other parameters");
  }
  if (!request.volume_context().empty() &&
      !SameMap(request.volume_context(), volume.volume_context())) {
    return absl::InvalidArgumentError("the volume has another volume_context");
  }
  v1::VolumeAttributes asked = volume.attributes();
  RETURN_IF_ERROR(storage::SetAttributes(request.mutable_parameters(), asked));
  if (!MessageDifferencer::Equals(asked, volume.attributes())) {
    return absl::InvalidArgumentError("the volume has other mutable parameters");
  }
  return absl::OkStatus();
}

}  // namespace

csi::v1::Snapshot ToCsiSnapshot(const v1::SnapshotRecord& snapshot) {
  csi::v1::Snapshot converted;
  converted.set_snapshot_id(snapshot.id());
  converted.set_source_volume_id(snapshot.request().source_volume_id());
  converted.set_size_bytes(snapshot.size_bytes());
  *converted.mutable_creation_time() = snapshot.created();
  converted.set_ready_to_use(true);
  converted.set_group_snapshot_id(snapshot.group_snapshot_id());
  return converted;
}

csi::v1::ControllerGetCapabilitiesResponse ControllerHandler::GetCapabilities() const {
  using Rpc = csi::v1::ControllerServiceCapability::RPC;
  csi::v1::ControllerGetCapabilitiesResponse response;
  for (const Rpc::Type type :
       {Rpc::CREATE_DELETE_VOLUME, Rpc::PUBLISH_UNPUBLISH_VOLUME, Rpc::LIST_VOLUMES,
        Rpc::GET_CAPACITY, Rpc::CREATE_DELETE_SNAPSHOT, Rpc::LIST_SNAPSHOTS, Rpc::CLONE_VOLUME,
        Rpc::PUBLISH_READONLY, Rpc::EXPAND_VOLUME, Rpc::LIST_VOLUMES_PUBLISHED_NODES,
        Rpc::GET_VOLUME, Rpc::MODIFY_VOLUME, Rpc::SINGLE_NODE_MULTI_WRITER, Rpc::GET_SNAPSHOT}) {
    response.add_capabilities()->mutable_rpc()->set_type(type);
  }
  if (health_) {
    for (const Rpc::Type type : {Rpc::GET_VOLUME_HEALTH, Rpc::LIST_VOLUME_HEALTH}) {
      response.add_capabilities()->mutable_rpc()->set_type(type);
    }
  }
  return response;
}

absl::StatusOr<csi::v1::ControllerGetVolumeHealthResponse> ControllerHandler::GetVolumeHealth(
    const csi::v1::ControllerGetVolumeHealthRequest& request) const {
  if (!health_) return rpc::HealthIsOff();
  if (request.volume_id().empty()) return rpc::Required("volume_id");
  const std::optional<storage::VolumeId> id = storage::VolumeId::Parse(request.volume_id());
  if (!id.has_value()) {
    return absl::NotFoundError(absl::StrCat("volume \"", request.volume_id(), "\" does not exist"));
  }
  ASSIGN_OR_RETURN(const storage::VolumeHealth health, cluster_.GetVolumeHealth(*id));
  csi::v1::ControllerGetVolumeHealthResponse response;
  *response.mutable_volume_health() = rpc::ToCsi(health);
  return response;
}

absl::StatusOr<csi::v1::ControllerListVolumeHealthResponse> ControllerHandler::ListVolumeHealth(
    const csi::v1::ControllerListVolumeHealthRequest& request) const {
  if (!health_) return rpc::HealthIsOff();
  ASSIGN_OR_RETURN(
      const storage::ListQuery query,
      ToListQuery(ListKind::kVolumeHealth, request.max_entries(), request.starting_token()));
  const storage::Page<storage::VolumeHealth> page = cluster_.ListVolumeHealth(query);
  csi::v1::ControllerListVolumeHealthResponse response;
  for (const storage::VolumeHealth& health : page.entries) {
    *response.add_entries() = rpc::ToCsi(health);
  }
  if (page.more) {
    response.set_next_token(MakePageToken(ListKind::kVolumeHealth, page.entries.back().volume_id));
  }
  return response;
}

absl::StatusOr<csi::v1::ValidateVolumeCapabilitiesResponse> ControllerHandler::ValidateCapabilities(
    const csi::v1::ValidateVolumeCapabilitiesRequest& request) const {
  if (request.volume_id().empty()) return rpc::Required("volume_id");
  if (request.volume_capabilities().empty()) return rpc::Required("volume_capabilities");
  if (storage::IsStaticId(request.volume_id())) return ValidateStatic(request);
  ASSIGN_OR_RETURN(const Found found, Find(request.volume_id()));
  csi::v1::ValidateVolumeCapabilitiesResponse response;
  if (const absl::Status confirmed = CheckConfirmed(*found.volume, request); !confirmed.ok()) {
    response.set_message(std::string(confirmed.message()));
    return response;
  }
  auto& confirmed = *response.mutable_confirmed();
  *confirmed.mutable_volume_capabilities() = request.volume_capabilities();
  *confirmed.mutable_volume_context() = request.volume_context();
  *confirmed.mutable_parameters() = request.parameters();
  *confirmed.mutable_mutable_parameters() = request.mutable_parameters();
  return response;
}

absl::StatusOr<csi::v1::ListVolumesResponse> ControllerHandler::ListVolumes(
    const csi::v1::ListVolumesRequest& request) const {
  ASSIGN_OR_RETURN(
      const storage::ListQuery query,
      ToListQuery(ListKind::kVolumes, request.max_entries(), request.starting_token()));
  const storage::Page<OnNode<storage::VolumePtr>> page = cluster_.ListVolumes(query);
  csi::v1::ListVolumesResponse response;
  for (const OnNode<storage::VolumePtr>& listed : page.entries) {
    auto& entry = *response.add_entries();
    *entry.mutable_volume() = ToCsi(*listed.object, listed.node_id);
    entry.mutable_status();
    if (listed.object->has_publication()) {
      entry.mutable_status()->add_published_node_ids(listed.object->publication().node_id());
    }
  }
  if (page.more) {
    response.set_next_token(MakePageToken(ListKind::kVolumes, page.entries.back().object->id()));
  }
  return response;
}

absl::StatusOr<csi::v1::GetCapacityResponse> ControllerHandler::GetCapacity(
    const csi::v1::GetCapacityRequest& request) const {
  csi::v1::GetCapacityResponse response;
  response.mutable_maximum_volume_size()->set_value(0);
  std::string node_id;
  if (request.has_accessible_topology()) {
    node_id = topology_.NodeOf(request.accessible_topology());
    if (node_id.empty()) return response;
  }
  const absl::StatusOr<storage::Capacity> capacity = cluster_.GetCapacity(
      node_id, {request.parameters(), rpc::FromCsi(request.volume_capabilities())});
  if (!capacity.ok()) {
    // Nothing can be made with such parameters, so there is room for nothing; an error would leave
    // the scheduler with the figure of before.
    log::Warn("capacity asked for impossible parameters", {{"error", capacity.status()}});
    return response;
  }
  response.set_available_capacity(capacity->available);
  response.mutable_maximum_volume_size()->set_value(capacity->maximum_volume);
  response.mutable_minimum_volume_size()->set_value(capacity->minimum_volume);
  return response;
}

absl::StatusOr<csi::v1::ControllerGetVolumeResponse> ControllerHandler::GetVolume(
    const csi::v1::ControllerGetVolumeRequest& request) const {
  if (request.volume_id().empty()) return rpc::Required("volume_id");
  if (storage::IsStaticId(request.volume_id())) {
    RETURN_IF_ERROR(storage::CheckStaticId(request.volume_id()));
    return absl::NotFoundError(
        absl::StrCat(request.volume_id(),
                     " is a static volume: only its PersistentVolume says whether it exists"));
  }
  ASSIGN_OR_RETURN(const Found found, Find(request.volume_id()));
  csi::v1::ControllerGetVolumeResponse response;
  *response.mutable_volume() = ToCsi(*found.volume, found.node->node_id());
  response.mutable_status();
  if (found.volume->has_publication()) {
    response.mutable_status()->add_published_node_ids(found.volume->publication().node_id());
  }
  return response;
}

absl::StatusOr<csi::v1::ListSnapshotsResponse> ControllerHandler::ListSnapshots(
    const csi::v1::ListSnapshotsRequest& request) const {
  ASSIGN_OR_RETURN(
      const storage::ListQuery query,
      ToListQuery(ListKind::kSnapshots, request.max_entries(), request.starting_token()));
  csi::v1::ListSnapshotsResponse response;
  storage::Page<OnNode<storage::SnapshotPtr>> page;
  if (request.snapshot_id().empty()) {
    page = cluster_.ListSnapshots(query, request.source_volume_id());
  } else {
    absl::StatusOr<storage::SnapshotPtr> found = FindSnapshot(request.snapshot_id());
    // None is an empty list; that it can't be told is not.
    if (!found.ok() && !absl::IsNotFound(found.status())) return found.status();
    const bool matches =
        found.ok() && (request.source_volume_id().empty() ||
                       request.source_volume_id() == (*found)->request().source_volume_id());
    if (matches) page.entries.push_back({*std::move(found), ""});
  }
  for (const OnNode<storage::SnapshotPtr>& listed : page.entries) {
    *response.add_entries()->mutable_snapshot() = ToCsiSnapshot(*listed.object);
  }
  if (page.more) {
    response.set_next_token(MakePageToken(ListKind::kSnapshots, page.entries.back().object->id()));
  }
  return response;
}

absl::StatusOr<storage::SnapshotPtr> ControllerHandler::FindSnapshot(
    const std::string& snapshot_id) const {
  const std::optional<storage::SnapshotId> id = storage::SnapshotId::Parse(snapshot_id);
  if (!id.has_value()) {
    return absl::NotFoundError(absl::StrCat("snapshot \"", snapshot_id, "\" does not exist"));
  }
  ASSIGN_OR_RETURN(const NodePtr node, cluster_.NodeToAsk(id->text()));
  return node->GetSnapshot(*id);
}

absl::StatusOr<csi::v1::GetSnapshotResponse> ControllerHandler::GetSnapshot(
    const csi::v1::GetSnapshotRequest& request) const {
  if (request.snapshot_id().empty()) return rpc::Required("snapshot_id");
  ASSIGN_OR_RETURN(const storage::SnapshotPtr snapshot, FindSnapshot(request.snapshot_id()));
  csi::v1::GetSnapshotResponse response;
  *response.mutable_snapshot() = ToCsiSnapshot(*snapshot);
  return response;
}

}  // namespace nodevol::controller

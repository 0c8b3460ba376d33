// SPDX-License-Identifier: Apache-2.0
//
// The calls that change something. Those that only look are in controller_queries.cc.
#include "controller/controller_handler.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "controller/foreign_id.h"
#include "controller/snapshot_message.h"
#include "controller/static_volume.h"
#include "rpc/convert.h"
#include "rpc/required_field.h"
#include "storage/capability.h"
#include "storage/static_volume.h"
#include "storage/volume_spec.h"

namespace nodevol::controller {
namespace {

using storage::SnapshotId;
using storage::VolumeId;

absl::Status CheckSource(const csi::v1::VolumeContentSource& source) {
  using csi::v1::VolumeContentSource;
  switch (source.type_case()) {
    case VolumeContentSource::kSnapshot:
      if (source.snapshot().snapshot_id().empty()) {
        return rpc::Required("snapshot_id of the source");
      }
      return absl::OkStatus();
    case VolumeContentSource::kVolume:
      if (source.volume().volume_id().empty()) return rpc::Required("volume_id of the source");
      if (storage::IsStaticId(source.volume().volume_id())) {
        return CannotBeDone(source.volume().volume_id(), "be cloned");
      }
      return absl::OkStatus();
    case VolumeContentSource::TYPE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("volume_content_source is neither a snapshot nor a volume");
}

absl::StatusOr<v1::VolumeRequest> ToVolumeRequest(const csi::v1::CreateVolumeRequest& request) {
  if (request.name().empty()) return rpc::Required("name");
  if (request.volume_capabilities().empty()) return rpc::Required("volume_capabilities");
  v1::VolumeRequest converted;
  converted.set_name(request.name());
  *converted.mutable_capacity_range() = rpc::FromCsi(request.capacity_range());
  for (const csi::v1::VolumeCapability& capability : request.volume_capabilities()) {
    ASSIGN_OR_RETURN(*converted.add_capabilities(), rpc::ParseCapability(capability));
  }
  *converted.mutable_parameters() = request.parameters();
  *converted.mutable_mutable_parameters() = request.mutable_parameters();
  if (request.has_volume_content_source()) {
    RETURN_IF_ERROR(CheckSource(request.volume_content_source()));
    *converted.mutable_content_source() = rpc::FromCsi(request.volume_content_source());
  }
  // Again in the engine; here so that an impossible request is told from a full node.
  RETURN_IF_ERROR(storage::ParseVolumeSpec(converted).status());
  return converted;
}

}  // namespace

csi::v1::Volume ControllerHandler::ToCsi(const v1::VolumeRecord& volume,
                                         const std::string& node_id) const {
  csi::v1::Volume converted;
  converted.set_volume_id(volume.id());
  converted.set_capacity_bytes(volume.size_bytes());
  *converted.mutable_volume_context() = volume.volume_context();
  if (volume.request().has_content_source()) {
    *converted.mutable_content_source() = rpc::ToCsi(volume.request().content_source());
  }
  *converted.add_accessible_topology() = topology_.SegmentOf(node_id);
  return converted;
}

absl::StatusOr<ControllerHandler::Found> ControllerHandler::Find(
    const std::string& volume_id) const {
  const std::optional<VolumeId> id = VolumeId::Parse(volume_id);
  if (!id.has_value()) {
    return absl::NotFoundError(absl::StrCat("volume \"", volume_id, "\" does not exist"));
  }
  ASSIGN_OR_RETURN(NodePtr node, cluster_.NodeToAsk(id->text()));
  ASSIGN_OR_RETURN(storage::VolumePtr volume, node->GetVolume(*id));
  return Found{std::move(volume), std::move(node)};
}

absl::StatusOr<ControllerHandler::Found> ControllerHandler::FindToChange(
    const std::string& volume_id) const {
  const std::optional<VolumeId> id = VolumeId::Parse(volume_id);
  if (!id.has_value()) {
    return absl::NotFoundError(absl::StrCat("volume \"", volume_id, "\" does not exist"));
  }
  ASSIGN_OR_RETURN(NodePtr node, cluster_.NodeToChange(id->text()));
  absl::StatusOr<storage::VolumePtr> volume = node->GetVolume(*id);
  if (absl::IsNotFound(volume.status())) return Found{nullptr, std::move(node)};
  RETURN_IF_ERROR(volume.status());
  return Found{*std::move(volume), std::move(node)};
}

Accessibility ControllerHandler::AccessibilityOf(
    const csi::v1::CreateVolumeRequest& request) const {
  Accessibility accessibility;
  for (const csi::v1::Topology& topology : request.accessibility_requirements().requisite()) {
    accessibility.requisite.push_back(topology_.NodeOf(topology));
  }
  for (const csi::v1::Topology& topology : request.accessibility_requirements().preferred()) {
    accessibility.preferred.push_back(topology_.NodeOf(topology));
  }
  return accessibility;
}

void ControllerHandler::CreateVolume(const Context& context,
                                     const csi::v1::CreateVolumeRequest& request,
                                     Callback<csi::v1::CreateVolumeResponse> done) {
  absl::StatusOr<v1::VolumeRequest> converted = ToVolumeRequest(request);
  if (!converted.ok()) return std::move(done)(converted.status());
  absl::StatusOr<Place> place = cluster_.PlaceVolume(*converted, AccessibilityOf(request));
  if (!place.ok()) return std::move(done)(place.status());
  Callback<storage::VolumePtr> answer = Converting<storage::VolumePtr>(
      std::move(done), [this, node = place->node](const storage::VolumePtr& volume) {
        csi::v1::CreateVolumeResponse response;
        *response.mutable_volume() = ToCsi(*volume, node->node_id());
        return response;
      });
  place->node->CreateVolume(context, *converted, EndingHold(*place, std::move(answer)));
}

void ControllerHandler::DeleteVolume(const Context& context,
                                     const csi::v1::DeleteVolumeRequest& request,
                                     Callback<csi::v1::DeleteVolumeResponse> done) {
  StatusCallback answer = AnsweringEmpty(std::move(done));
  const std::optional<VolumeId> id = VolumeId::Parse(request.volume_id());
  if (!id.has_value()) return std::move(answer)(CheckForeignId("volume_id", request.volume_id()));
  const absl::StatusOr<NodePtr> node =
      cluster_.NodeToDelete({storage::ObjectKind::kVolume, id->text(), {}});
  // No node: it has nothing to do any more.
  if (!node.ok() || *node == nullptr) return std::move(answer)(node.status());
  (*node)->DeleteVolume(context, *id, std::move(answer));
}

absl::Status ControllerHandler::CheckNode(const csi::v1::ControllerPublishVolumeRequest& request,
                                          const storage::NodeStorage& node) const {
  if (request.node_id() == node.node_id()) return absl::OkStatus();
  if (!cluster_.HasNode(request.node_id())) {
    return absl::NotFoundError(absl::StrCat("node \"", request.node_id(),
                                            "\" is not known; volume ", request.volume_id(),
                                            " is on node ", node.node_id()));
  }
  return absl::FailedPreconditionError(absl::StrCat("volume ", request.volume_id(), " is on node ",
                                                    node.node_id(), "; it can be used there only"));
}

void ControllerHandler::PublishVolume(const Context& context,
                                      const csi::v1::ControllerPublishVolumeRequest& request,
                                      Callback<csi::v1::ControllerPublishVolumeResponse> done) {
  v1::ControllerPublication publication;
  NodePtr node;
  const bool is_static = storage::IsStaticId(request.volume_id());
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return rpc::Required("volume_id");
    if (request.node_id().empty()) return rpc::Required("node_id");
    if (!request.has_volume_capability()) return rpc::Required("volume_capability");
    if (is_static) return CheckStaticPublish(request, cluster_.HasNode(request.node_id()));
    publication.set_node_id(request.node_id());
    publication.set_readonly(request.readonly());
    ASSIGN_OR_RETURN(*publication.mutable_capability(),
                     rpc::ParseCapability(request.volume_capability()));
    ASSIGN_OR_RETURN(Found found, FindToChange(request.volume_id()));
    RETURN_IF_ERROR(CheckNode(request, *found.node));
    if (found.volume != nullptr) {
      RETURN_IF_ERROR(storage::CheckVolumeHas(*found.volume, publication.capability()));
    }
    node = std::move(found.node);
    return absl::OkStatus();
  }();
  if (!valid.ok() || is_static) return AnsweringEmpty(std::move(done))(valid);
  node->PublishVolume(
      context, *VolumeId::Parse(request.volume_id()), publication,
      Converting<storage::VolumePtr>(std::move(done), [](const storage::VolumePtr&) {
        return csi::v1::ControllerPublishVolumeResponse();
      }));
}

void ControllerHandler::UnpublishVolume(const Context& context,
                                        const csi::v1::ControllerUnpublishVolumeRequest& request,
                                        Callback<csi::v1::ControllerUnpublishVolumeResponse> done) {
  StatusCallback answer = AnsweringEmpty(std::move(done));
  const std::optional<VolumeId> id = VolumeId::Parse(request.volume_id());
  if (!id.has_value()) return std::move(answer)(CheckForeignId("volume_id", request.volume_id()));
  const absl::StatusOr<NodePtr> node = cluster_.NodeToChange(id->text());
  // From a node that is gone for good the volume is detached.
  if (absl::IsNotFound(node.status())) return std::move(answer)(absl::OkStatus());
  if (!node.ok()) return std::move(answer)(node.status());
  (*node)->UnpublishVolume(context, *id, request.node_id(), std::move(answer));
}

void ControllerHandler::ExpandVolume(const Context& context,
                                     const csi::v1::ControllerExpandVolumeRequest& request,
                                     Callback<csi::v1::ControllerExpandVolumeResponse> done) {
  NodePtr node;
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return rpc::Required("volume_id");
    if (!request.has_capacity_range()) return rpc::Required("capacity_range");
    if (storage::IsStaticId(request.volume_id())) {
      return CannotBeDone(request.volume_id(), "be expanded: its size is not the driver's");
    }
    ASSIGN_OR_RETURN(Found found, FindToChange(request.volume_id()));
    node = std::move(found.node);
    if (!request.has_volume_capability()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const v1::VolumeCapability capability,
                     rpc::ParseCapability(request.volume_capability()));
    if (found.volume == nullptr) return absl::OkStatus();
    const absl::Status has = storage::CheckVolumeHas(*found.volume, capability);
    // The spec's code for a capability that the volume lacks is another here than when it is used.
    return has.ok() ? has : absl::InvalidArgumentError(has.message());
  }();
  if (!valid.ok()) return std::move(done)(valid);
  node->ExpandVolume(context, *VolumeId::Parse(request.volume_id()),
                     rpc::FromCsi(request.capacity_range()),
                     Converting<storage::ExpandedVolume>(
                         std::move(done), [](const storage::ExpandedVolume& expanded) {
                           csi::v1::ControllerExpandVolumeResponse response;
                           response.set_capacity_bytes(expanded.volume->size_bytes());
                           response.set_node_expansion_required(expanded.node_expansion_required);
                           return response;
                         }));
}

void ControllerHandler::ModifyVolume(const Context& context,
                                     const csi::v1::ControllerModifyVolumeRequest& request,
                                     Callback<csi::v1::ControllerModifyVolumeResponse> done) {
  NodePtr node;
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return rpc::Required("volume_id");
    if (request.mutable_parameters().empty()) return rpc::Required("mutable_parameters");
    ASSIGN_OR_RETURN(Found found, FindToChange(request.volume_id()));
    node = std::move(found.node);
    return absl::OkStatus();
  }();
  if (!valid.ok()) return std::move(done)(valid);
  node->ModifyVolume(context, *VolumeId::Parse(request.volume_id()), request.mutable_parameters(),
                     Converting<storage::VolumePtr>(std::move(done), [](const storage::VolumePtr&) {
                       return csi::v1::ControllerModifyVolumeResponse();
                     }));
}

void ControllerHandler::CreateSnapshot(const Context& context,
                                       const csi::v1::CreateSnapshotRequest& request,
                                       Callback<csi::v1::CreateSnapshotResponse> done) {
  if (request.source_volume_id().empty() || request.name().empty()) {
    return std::move(done)(rpc::Required(request.name().empty() ? "name" : "source_volume_id"));
  }
  if (request.has_accessibility_requirements()) {
    return std::move(done)(absl::InvalidArgumentError(
        "accessibility_requirements: a snapshot is where its volume is; this driver does not "
        "announce SNAPSHOT_ACCESSIBILITY_CONSTRAINTS, leave them out"));
  }
  if (storage::IsStaticId(request.source_volume_id())) {
    return std::move(done)(CannotBeDone(request.source_volume_id(), "be snapshotted"));
  }
  v1::SnapshotRequest converted;
  converted.set_name(request.name());
  converted.set_source_volume_id(request.source_volume_id());
  *converted.mutable_parameters() = request.parameters();
  const absl::StatusOr<Place> place = cluster_.PlaceSnapshot(converted);
  if (!place.ok()) return std::move(done)(place.status());
  Callback<storage::SnapshotPtr> answer =
      Converting<storage::SnapshotPtr>(std::move(done), [](const storage::SnapshotPtr& snapshot) {
        csi::v1::CreateSnapshotResponse response;
        *response.mutable_snapshot() = ToCsiSnapshot(*snapshot);
        return response;
      });
  place->node->CreateSnapshot(context, converted, EndingHold(*place, std::move(answer)));
}

void ControllerHandler::DeleteSnapshot(const Context& context,
                                       const csi::v1::DeleteSnapshotRequest& request,
                                       Callback<csi::v1::DeleteSnapshotResponse> done) {
  StatusCallback answer = AnsweringEmpty(std::move(done));
  const std::optional<SnapshotId> id = SnapshotId::Parse(request.snapshot_id());
  if (!id.has_value()) {
    return std::move(answer)(CheckForeignId("snapshot_id", request.snapshot_id()));
  }
  const absl::StatusOr<NodePtr> node =
      cluster_.NodeToDelete({storage::ObjectKind::kSnapshot, id->text(), {}});
  if (!node.ok() || *node == nullptr) return std::move(answer)(node.status());
  (*node)->DeleteSnapshot(context, *id, std::move(answer));
}

}  // namespace nodevol::controller

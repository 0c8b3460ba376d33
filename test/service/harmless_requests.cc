// SPDX-License-Identifier: Apache-2.0
#include "test/service/harmless_requests.h"

#include <utility>

#include "base/bytes.h"
#include "base/status_macros.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

namespace {

constexpr char kForeignId[] = "an-id-of-another-driver";

}  // namespace

absl::Status HarmlessRequests::SetUp(ServiceNode& node) {
  VolumeClient& client = node.client();
  capability_ = node.ground().volume_class.capability;
  ASSIGN_OR_RETURN(volume_id_, node.CreateVolume("volume"));
  const Pod pod(volume_id_, node.directory(), "pod");
  RETURN_IF_ERROR(pod.Start(client));
  staging_ = pod.staging();
  target_ = pod.target();
  ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot, client.Snapshot("snapshot", volume_id_));
  ASSIGN_OR_RETURN(const csi::v1::VolumeGroupSnapshot group,
                   client.SnapshotGroup("group", {volume_id_}));
  AddController(node.ground().volume_class.parameters, node.ground().volume_bytes, "node-1");
  AddQueries(snapshot.snapshot_id());
  AddGroupController(group);
  AddNode(node.directory() + "/nowhere");
  AddAlpha();
  RETURN_IF_ERROR(AddSnapshotMetadata(node));
  const auto* const publish = static_cast<const csi::v1::ControllerPublishVolumeRequest*>(
      requests_.at(csi::v1::ControllerPublishVolumeRequest::descriptor()).get());
  return client.csi().Call(&CsiClient::Controller::ControllerPublishVolume, *publish).status();
}

void HarmlessRequests::SetUp(const HarmlessSubject& subject) {
  capability_ = subject.capability;
  volume_id_ = subject.volume_id;
  staging_ = subject.staging;
  target_ = subject.target;
  AddController(subject.parameters, subject.bytes, subject.node_id);
  AddQueries(subject.snapshot_id);
  AddGroupController(subject.group);
  AddNode(subject.nowhere);
}

template <typename Request>
Request& HarmlessRequests::Add() {
  auto request = std::make_unique<Request>();
  Request& added = *request;
  requests_[Request::descriptor()] = std::move(request);
  return added;
}

void HarmlessRequests::AddController(const Parameters& parameters, int64_t bytes,
                                     const std::string& node_id) {
  auto& create = Add<csi::v1::CreateVolumeRequest>();
  create.set_name("made by a harmless request");
  create.mutable_capacity_range()->set_required_bytes(bytes);
  *create.add_volume_capabilities() = capability_;
  create.mutable_parameters()->insert(parameters.begin(), parameters.end());
  Add<csi::v1::DeleteVolumeRequest>().set_volume_id(kForeignId);
  auto& publish = Add<csi::v1::ControllerPublishVolumeRequest>();
  publish.set_volume_id(volume_id_);
  publish.set_node_id(node_id);
  *publish.mutable_volume_capability() = capability_;
  auto& unpublish = Add<csi::v1::ControllerUnpublishVolumeRequest>();
  unpublish.set_volume_id(volume_id_);
  unpublish.set_node_id("another-node");
  auto& snapshot = Add<csi::v1::CreateSnapshotRequest>();
  snapshot.set_name("made by a harmless request");
  snapshot.set_source_volume_id(volume_id_);
  Add<csi::v1::DeleteSnapshotRequest>().set_snapshot_id(kForeignId);
  auto& expand = Add<csi::v1::ControllerExpandVolumeRequest>();
  expand.set_volume_id(volume_id_);
  expand.mutable_capacity_range()->set_required_bytes(bytes);
  *expand.mutable_volume_capability() = capability_;
}

void HarmlessRequests::AddQueries(const std::string& snapshot_id) {
  auto& validate = Add<csi::v1::ValidateVolumeCapabilitiesRequest>();
  validate.set_volume_id(volume_id_);
  *validate.add_volume_capabilities() = capability_;
  Add<csi::v1::ListVolumesRequest>();
  *Add<csi::v1::GetCapacityRequest>().add_volume_capabilities() = capability_;
  Add<csi::v1::ListSnapshotsRequest>();
  Add<csi::v1::GetSnapshotRequest>().set_snapshot_id(snapshot_id);
  Add<csi::v1::ControllerGetVolumeRequest>().set_volume_id(volume_id_);
}

void HarmlessRequests::AddGroupController(const csi::v1::VolumeGroupSnapshot& group) {
  auto& create = Add<csi::v1::CreateVolumeGroupSnapshotRequest>();
  create.set_name("made by a harmless request");
  create.add_source_volume_ids(volume_id_);
  auto& remove = Add<csi::v1::DeleteVolumeGroupSnapshotRequest>();
  remove.set_group_snapshot_id(kForeignId);
  remove.add_snapshot_ids(kForeignId);
  auto& get = Add<csi::v1::GetVolumeGroupSnapshotRequest>();
  get.set_group_snapshot_id(group.group_snapshot_id());
  for (const auto& snapshot : group.snapshots()) get.add_snapshot_ids(snapshot.snapshot_id());
}

void HarmlessRequests::AddNode(const std::string& nowhere) {
  auto& stage = Add<csi::v1::NodeStageVolumeRequest>();
  stage.set_volume_id(volume_id_);
  stage.set_staging_target_path(staging_);
  *stage.mutable_volume_capability() = capability_;
  auto& unstage = Add<csi::v1::NodeUnstageVolumeRequest>();
  unstage.set_volume_id(volume_id_);
  unstage.set_staging_target_path(nowhere);
  auto& publish = Add<csi::v1::NodePublishVolumeRequest>();
  publish.set_volume_id(volume_id_);
  publish.set_staging_target_path(staging_);
  publish.set_target_path(target_);
  *publish.mutable_volume_capability() = capability_;
  auto& unpublish = Add<csi::v1::NodeUnpublishVolumeRequest>();
  unpublish.set_volume_id(volume_id_);
  unpublish.set_target_path(nowhere);
  auto& stats = Add<csi::v1::NodeGetVolumeStatsRequest>();
  stats.set_volume_id(volume_id_);
  stats.set_volume_path(target_);
  auto& expand = Add<csi::v1::NodeExpandVolumeRequest>();
  expand.set_volume_id(volume_id_);
  expand.set_volume_path(target_);
  *expand.mutable_volume_capability() = capability_;
}

void HarmlessRequests::AddAlpha() {
  auto& modify = Add<csi::v1::ControllerModifyVolumeRequest>();
  modify.set_volume_id(volume_id_);
  (*modify.mutable_mutable_parameters())["undeleteWindow"] = "0s";  // as it is
  Add<csi::v1::ControllerGetVolumeHealthRequest>().set_volume_id(volume_id_);
  Add<csi::v1::ControllerListVolumeHealthRequest>();
  Add<csi::v1::NodeGetVolumeHealthRequest>().set_volume_id(volume_id_);
  Add<csi::v1::NodeGetStorageHealthRequest>();
}

absl::Status HarmlessRequests::AddSnapshotMetadata(ServiceNode& node) {
  VolumeClient client(node.driver().socket_path(), {.capability = BlockCapability()});
  ASSIGN_OR_RETURN(const csi::v1::Volume volume, client.Create("block volume", kMiB));
  ASSIGN_OR_RETURN(const csi::v1::Snapshot base, client.Snapshot("base", volume.volume_id()));
  ASSIGN_OR_RETURN(const csi::v1::Snapshot target, client.Snapshot("target", volume.volume_id()));
  RETURN_IF_ERROR(client.Delete(volume.volume_id()));
  Add<csi::v1::GetMetadataAllocatedRequest>().set_snapshot_id(base.snapshot_id());
  auto& delta = Add<csi::v1::GetMetadataDeltaRequest>();
  delta.set_base_snapshot_id(base.snapshot_id());
  delta.set_target_snapshot_id(target.snapshot_id());
  return Eventually([&node] { return CheckEmpty(node.disk().path() + "/.nodevol/trash"); });
}

std::unique_ptr<Message> HarmlessRequests::For(const Descriptor& request) const {
  std::unique_ptr<Message> copy(MessageFactory::generated_factory()->GetPrototype(&request)->New());
  const auto found = requests_.find(&request);
  if (found != requests_.end()) copy->CopyFrom(*found->second);
  return copy;
}

bool HarmlessRequests::IsServed(const Descriptor& request) const {
  return requests_.contains(&request);
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include "test/client/volume_client.h"

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace nodevol::testing {

using Controller = CsiClient::Controller;
using Node = CsiClient::Node;

csi::v1::VolumeCapability MountCapability(const std::string& fs_type,
                                          csi::v1::VolumeCapability::AccessMode::Mode mode) {
  csi::v1::VolumeCapability capability;
  capability.mutable_mount()->set_fs_type(fs_type);
  capability.mutable_access_mode()->set_mode(mode);
  return capability;
}

csi::v1::VolumeCapability BlockCapability(csi::v1::VolumeCapability::AccessMode::Mode mode) {
  csi::v1::VolumeCapability capability;
  capability.mutable_block();
  capability.mutable_access_mode()->set_mode(mode);
  return capability;
}

csi::v1::CreateVolumeRequest VolumeClient::VolumeRequest(const std::string& name,
                                                         int64_t bytes) const {
  csi::v1::CreateVolumeRequest request;
  request.set_name(name);
  if (bytes > 0) request.mutable_capacity_range()->set_required_bytes(bytes);
  *request.add_volume_capabilities() = class_.capability;
  request.mutable_parameters()->insert(class_.parameters.begin(), class_.parameters.end());
  return request;
}

absl::StatusOr<csi::v1::Volume> VolumeClient::Create(const csi::v1::CreateVolumeRequest& request) {
  ASSIGN_OR_RETURN(const auto response, csi_.Call(&Controller::CreateVolume, request));
  return response.volume();
}

absl::StatusOr<csi::v1::Volume> VolumeClient::Create(const std::string& name, int64_t bytes) {
  return Create(VolumeRequest(name, bytes));
}

absl::StatusOr<csi::v1::Volume> VolumeClient::Restore(const std::string& name,
                                                      const std::string& snapshot_id,
                                                      int64_t bytes) {
  csi::v1::CreateVolumeRequest request = VolumeRequest(name, bytes);
  request.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(snapshot_id);
  return Create(request);
}

absl::StatusOr<csi::v1::Volume> VolumeClient::Clone(const std::string& name,
                                                    const std::string& volume_id, int64_t bytes) {
  csi::v1::CreateVolumeRequest request = VolumeRequest(name, bytes);
  request.mutable_volume_content_source()->mutable_volume()->set_volume_id(volume_id);
  return Create(request);
}

absl::Status VolumeClient::Delete(const std::string& volume_id) {
  csi::v1::DeleteVolumeRequest request;
  request.set_volume_id(volume_id);
  return csi_.Call(&Controller::DeleteVolume, request).status();
}

absl::StatusOr<int64_t> VolumeClient::ControllerExpand(const std::string& volume_id,
                                                       int64_t bytes) {
  csi::v1::ControllerExpandVolumeRequest request;
  request.set_volume_id(volume_id);
  request.mutable_capacity_range()->set_required_bytes(bytes);
  ASSIGN_OR_RETURN(const auto response, csi_.Call(&Controller::ControllerExpandVolume, request));
  return response.capacity_bytes();
}

absl::StatusOr<int64_t> VolumeClient::NodeExpand(const std::string& volume_id,
                                                 const std::string& path, int64_t bytes) {
  csi::v1::NodeExpandVolumeRequest request;
  request.set_volume_id(volume_id);
  request.set_volume_path(path);
  request.mutable_capacity_range()->set_required_bytes(bytes);
  ASSIGN_OR_RETURN(const auto response, csi_.Call(&Node::NodeExpandVolume, request));
  return response.capacity_bytes();
}

absl::StatusOr<csi::v1::Snapshot> VolumeClient::Snapshot(const std::string& name,
                                                         const std::string& volume_id) {
  csi::v1::CreateSnapshotRequest request;
  request.set_name(name);
  request.set_source_volume_id(volume_id);
  ASSIGN_OR_RETURN(const auto response, csi_.Call(&Controller::CreateSnapshot, request));
  return response.snapshot();
}

absl::Status VolumeClient::DeleteSnapshot(const std::string& snapshot_id) {
  csi::v1::DeleteSnapshotRequest request;
  request.set_snapshot_id(snapshot_id);
  return csi_.Call(&Controller::DeleteSnapshot, request).status();
}

absl::StatusOr<csi::v1::VolumeGroupSnapshot> VolumeClient::SnapshotGroup(
    const std::string& name, const std::vector<std::string>& volume_ids) {
  csi::v1::CreateVolumeGroupSnapshotRequest request;
  request.set_name(name);
  for (const std::string& id : volume_ids) request.add_source_volume_ids(id);
  ASSIGN_OR_RETURN(const csi::v1::CreateVolumeGroupSnapshotResponse response,
                   csi_.Call(&CsiClient::GroupController::CreateVolumeGroupSnapshot, request));
  return response.group_snapshot();
}

absl::Status VolumeClient::DeleteGroup(const csi::v1::VolumeGroupSnapshot& group) {
  csi::v1::DeleteVolumeGroupSnapshotRequest request;
  request.set_group_snapshot_id(group.group_snapshot_id());
  for (const auto& snapshot : group.snapshots()) {
    request.add_snapshot_ids(snapshot.snapshot_id());
  }
  return csi_.Call(&CsiClient::GroupController::DeleteVolumeGroupSnapshot, request).status();
}

absl::Status VolumeClient::Stage(const std::string& volume_id, const std::string& staging_path) {
  csi::v1::NodeStageVolumeRequest request;
  request.set_volume_id(volume_id);
  request.set_staging_target_path(staging_path);
  *request.mutable_volume_capability() = class_.capability;
  return csi_.Call(&Node::NodeStageVolume, request).status();
}

absl::Status VolumeClient::Publish(const std::string& volume_id, const std::string& staging_path,
                                   const std::string& target_path, bool read_only) {
  csi::v1::NodePublishVolumeRequest request;
  request.set_volume_id(volume_id);
  request.set_staging_target_path(staging_path);
  request.set_target_path(target_path);
  request.set_readonly(read_only);
  *request.mutable_volume_capability() = class_.capability;
  return csi_.Call(&Node::NodePublishVolume, request).status();
}

absl::Status VolumeClient::PublishInline(const std::string& volume_id,
                                         const std::string& target_path, int64_t bytes) {
  csi::v1::NodePublishVolumeRequest request;
  request.set_volume_id(volume_id);
  request.set_target_path(target_path);
  *request.mutable_volume_capability() = class_.capability;
  auto& context = *request.mutable_volume_context();
  context.insert(class_.parameters.begin(), class_.parameters.end());
  context["csi.storage.k8s.io/ephemeral"] = "true";
  context["csi.storage.k8s.io/pod.name"] = "pod";
  context["csi.storage.k8s.io/pod.namespace"] = "default";
  context["size"] = absl::StrCat(bytes);
  return csi_.Call(&Node::NodePublishVolume, request).status();
}

absl::Status VolumeClient::Unpublish(const std::string& volume_id, const std::string& target_path) {
  csi::v1::NodeUnpublishVolumeRequest request;
  request.set_volume_id(volume_id);
  request.set_target_path(target_path);
  return csi_.Call(&Node::NodeUnpublishVolume, request).status();
}

absl::Status VolumeClient::Unstage(const std::string& volume_id, const std::string& staging_path) {
  csi::v1::NodeUnstageVolumeRequest request;
  request.set_volume_id(volume_id);
  request.set_staging_target_path(staging_path);
  return csi_.Call(&Node::NodeUnstageVolume, request).status();
}

absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> VolumeClient::Stats(
    const std::string& volume_id, const std::string& path) {
  csi::v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id(volume_id);
  request.set_volume_path(path);
  return csi_.Call(&Node::NodeGetVolumeStats, request);
}

}  // namespace nodevol::testing

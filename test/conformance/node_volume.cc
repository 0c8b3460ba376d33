// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/node_volume.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::testing {

NodeVolume::NodeVolume(Driver& driver, Traces& traces, csi::v1::Volume volume,
                       csi::v1::VolumeCapability capability, std::string directory,
                       std::string name)
    : driver_(driver),
      traces_(traces),
      volume_(std::move(volume)),
      capability_(std::move(capability)),
      directory_(std::move(directory)),
      name_(std::move(name)) {
  if (driver_.Announces(NodeRpc::STAGE_UNSTAGE_VOLUME)) {
    staging_ = absl::StrCat(directory_, "/", name_, "-staging");
  }
}

absl::Status NodeVolume::Start() {
  RETURN_IF_ERROR(Attach());
  RETURN_IF_ERROR(Stage());
  return Publish();
}

absl::Status NodeVolume::Stop() {
  RETURN_IF_ERROR(Unpublish());
  RETURN_IF_ERROR(Unstage());
  return Detach();
}

absl::Status NodeVolume::Attach() {
  if (!driver_.Announces(ControllerRpc::PUBLISH_UNPUBLISH_VOLUME)) return absl::OkStatus();
  csi::v1::ControllerPublishVolumeRequest request;
  request.set_volume_id(id());
  request.set_node_id(driver_.node().node_id());
  *request.mutable_volume_capability() = capability_;
  *request.mutable_volume_context() = volume_.volume_context();
  traces_.AddAttachment(id());
  ASSIGN_OR_RETURN(const auto response,
                   driver_.Call(&Controller::ControllerPublishVolume, request));
  publish_context_ = response.publish_context();
  return absl::OkStatus();
}

absl::Status NodeVolume::Detach() {
  if (!driver_.Announces(ControllerRpc::PUBLISH_UNPUBLISH_VOLUME)) return absl::OkStatus();
  csi::v1::ControllerUnpublishVolumeRequest request;
  request.set_volume_id(id());
  request.set_node_id(driver_.node().node_id());
  return driver_.Call(&Controller::ControllerUnpublishVolume, request).status();
}

csi::v1::NodeStageVolumeRequest NodeVolume::StageRequest() const {
  csi::v1::NodeStageVolumeRequest request;
  request.set_volume_id(id());
  request.set_staging_target_path(staging_);
  *request.mutable_volume_capability() = capability_;
  *request.mutable_volume_context() = volume_.volume_context();
  *request.mutable_publish_context() = publish_context_;
  return request;
}

absl::Status NodeVolume::Stage(const csi::v1::NodeStageVolumeRequest& request) {
  if (!driver_.Announces(NodeRpc::STAGE_UNSTAGE_VOLUME)) return absl::OkStatus();
  const std::string& path = request.staging_target_path();
  if (::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, absl::StrCat("mkdir ", path));
  }
  traces_.AddStaging(id(), path);
  return driver_.Call(&Node::NodeStageVolume, request).status();
}

absl::Status NodeVolume::Unstage() {
  if (!driver_.Announces(NodeRpc::STAGE_UNSTAGE_VOLUME)) return absl::OkStatus();
  csi::v1::NodeUnstageVolumeRequest request;
  request.set_volume_id(id());
  request.set_staging_target_path(staging_);
  return driver_.Call(&Node::NodeUnstageVolume, request).status();
}

csi::v1::NodePublishVolumeRequest NodeVolume::PublishRequest(const std::string& label) const {
  csi::v1::NodePublishVolumeRequest request;
  request.set_volume_id(id());
  request.set_staging_target_path(staging_);
  request.set_target_path(Target(label));
  *request.mutable_volume_capability() = capability_;
  *request.mutable_volume_context() = volume_.volume_context();
  *request.mutable_publish_context() = publish_context_;
  return request;
}

absl::Status NodeVolume::PublishReadOnly(const std::string& label) {
  csi::v1::NodePublishVolumeRequest request = PublishRequest(label);
  request.set_readonly(true);
  return Publish(request);
}

absl::Status NodeVolume::Publish(const csi::v1::NodePublishVolumeRequest& request) {
  traces_.AddTarget(id(), request.target_path());
  return driver_.Call(&Node::NodePublishVolume, request).status();
}

absl::Status NodeVolume::Unpublish(const std::string& label) {
  csi::v1::NodeUnpublishVolumeRequest request;
  request.set_volume_id(id());
  request.set_target_path(Target(label));
  return driver_.Call(&Node::NodeUnpublishVolume, request).status();
}

absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> NodeVolume::Stats(const std::string& path) {
  csi::v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id(id());
  request.set_volume_path(path);
  request.set_staging_target_path(staging_);
  return driver_.Call(&Node::NodeGetVolumeStats, request);
}

}  // namespace nodevol::testing

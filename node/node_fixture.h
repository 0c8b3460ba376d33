// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_NODE_FIXTURE_H_
#define NODEVOL_NODE_NODE_FIXTURE_H_

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "node/node_world.h"
#include "test/support/matchers.h"
#include "test/support/project_quota.h"
#include "test/support/sandbox.h"

namespace nodevol::node {

// A test on a node with one volume of one kind, volume_, which is to be staged at staging_. What a
// test leaves staged and published is undone by the driver in the end; LeakListener sees the rest.
class NodeFixture : public ::testing::TestWithParam<Kind> {
 protected:
  explicit NodeFixture(Kind kind) : kind_(std::move(kind)) {}
  NodeFixture() : NodeFixture(GetParam()) {}

  void SetUp() override {
    if (kind_.project_quotas) SKIP_WITHOUT_PROJECT_QUOTAS(kind_.pool);
    ASSERT_OK_AND_ASSIGN(world_, NodeWorld::Create(kind_));
    ASSERT_OK_AND_ASSIGN(volume_, world_->CreateVolume("volume", Mode::SINGLE_NODE_WRITER));
  }

  void TearDown() override {
    for (const auto& [id, path] : std::set(published_)) EXPECT_OK(Unpublish(path, id));
    for (const auto& [id, path] : std::set(staged_)) EXPECT_OK(Unstage(path, id));
  }

  // A path that does not exist in a directory that does.
  [[nodiscard]] std::string Target(const std::string& name = "target") const {
    return absl::StrCat(targets_, "/", name);
  }

  [[nodiscard]] csi::v1::NodeStageVolumeRequest StageRequest(
      Mode::Mode mode = Mode::SINGLE_NODE_WRITER) const {
    csi::v1::NodeStageVolumeRequest request;
    request.set_volume_id(volume_);
    request.set_staging_target_path(staging_);
    *request.mutable_volume_capability() = world_->Capability(mode);
    return request;
  }
  absl::Status Stage(const csi::v1::NodeStageVolumeRequest& request) {
    const absl::Status status = world_->Call(&NodeHandler::StageVolume, request).status();
    if (status.ok()) staged_.emplace(request.volume_id(), request.staging_target_path());
    return status;
  }
  absl::Status Stage(Mode::Mode mode = Mode::SINGLE_NODE_WRITER) {
    return Stage(StageRequest(mode));
  }

  [[nodiscard]] csi::v1::NodePublishVolumeRequest PublishRequest(
      const std::string& target, Mode::Mode mode = Mode::SINGLE_NODE_WRITER,
      bool read_only = false) const {
    csi::v1::NodePublishVolumeRequest request;
    request.set_volume_id(volume_);
    request.set_staging_target_path(staging_);
    request.set_target_path(target);
    request.set_readonly(read_only);
    *request.mutable_volume_capability() = world_->Capability(mode);
    return request;
  }
  absl::Status Publish(const csi::v1::NodePublishVolumeRequest& request) {
    const absl::Status status = world_->Call(&NodeHandler::PublishVolume, request).status();
    if (status.ok()) published_.emplace(request.volume_id(), request.target_path());
    return status;
  }
  absl::Status Publish(const std::string& target, Mode::Mode mode = Mode::SINGLE_NODE_WRITER,
                       bool read_only = false) {
    return Publish(PublishRequest(target, mode, read_only));
  }

  absl::Status Unpublish(const std::string& target, const std::string& id) {
    csi::v1::NodeUnpublishVolumeRequest request;
    request.set_volume_id(id);
    request.set_target_path(target);
    const absl::Status status = world_->Call(&NodeHandler::UnpublishVolume, request).status();
    if (status.ok()) published_.erase({id, target});
    return status;
  }
  absl::Status Unpublish(const std::string& target) { return Unpublish(target, volume_); }
  absl::Status Unstage(const std::string& staging, const std::string& id) {
    csi::v1::NodeUnstageVolumeRequest request;
    request.set_volume_id(id);
    request.set_staging_target_path(staging);
    const absl::Status status = world_->Call(&NodeHandler::UnstageVolume, request).status();
    if (status.ok()) staged_.erase({id, staging});
    return status;
  }
  absl::Status Unstage() { return Unstage(staging_, volume_); }

  absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> Stats(const std::string& path,
                                                            const std::string& id) {
    csi::v1::NodeGetVolumeStatsRequest request;
    request.set_volume_id(id);
    request.set_volume_path(path);
    return world_->Call(&NodeHandler::GetVolumeStats, request);
  }
  absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> Stats(const std::string& path) {
    return Stats(path, volume_);
  }
  absl::StatusOr<csi::v1::NodeExpandVolumeResponse> Expand(const std::string& path,
                                                           const std::string& id) {
    csi::v1::NodeExpandVolumeRequest request;
    request.set_volume_id(id);
    request.set_volume_path(path);
    return world_->Call(&NodeHandler::ExpandVolume, request);
  }
  absl::StatusOr<csi::v1::NodeExpandVolumeResponse> Expand(const std::string& path) {
    return Expand(path, volume_);
  }

  // Where the staged volume is: its file in the staging directory when it is a device.
  [[nodiscard]] std::string StagedAt() const {
    return kind_.block ? staging_ + "/device" : staging_;
  }

  const Kind kind_;
  std::unique_ptr<NodeWorld> world_;
  std::string volume_;
  const std::string staging_ = testing::NewDirectory();
  const std::string targets_ = testing::NewDirectory();

 private:
  std::set<std::pair<std::string, std::string>> staged_;
  std::set<std::pair<std::string, std::string>> published_;
};

inline std::string KindName(const ::testing::TestParamInfo<Kind>& info) { return info.param.name; }

#define INSTANTIATE_FOR_KINDS(test, kinds) \
  INSTANTIATE_TEST_SUITE_P(, test, ::testing::ValuesIn(kinds), KindName)

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_NODE_FIXTURE_H_

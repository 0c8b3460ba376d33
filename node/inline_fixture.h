// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_INLINE_FIXTURE_H_
#define NODEVOL_NODE_INLINE_FIXTURE_H_

#include <sys/stat.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "node/node_world.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"
#include "test/support/project_quota.h"
#include "test/support/sandbox.h"

namespace nodevol::node {

// A test on a node with one pool and no volume, and pods whose directories are as kubelet makes
// them. What a test leaves published is undone by the driver in the end.
class InlineFixture : public ::testing::TestWithParam<Kind> {
 protected:
  explicit InlineFixture(Kind kind) : kind_(std::move(kind)) {}
  InlineFixture() : InlineFixture(GetParam()) {}

  void SetUp() override {
    if (kind_.project_quotas) SKIP_WITHOUT_PROJECT_QUOTAS(kind_.pool);
    ASSERT_OK_AND_ASSIGN(world_, NodeWorld::Create(kind_));
  }
  void TearDown() override {
    if (world_ == nullptr) return;
    for (const auto& [id, path] : std::set(published_)) {
      // As kubelet, which comes again while the volume is looked at.
      EXPECT_OK(testing::Eventually([&] { return Unpublish(path, id); }));
    }
    EXPECT_THAT(Volumes(), ::testing::IsEmpty());
  }

  // As kubelet makes them: "csi-" and a SHA-256.
  static std::string Id(char pod = 'a') { return "csi-" + std::string(64, pod); }
  // Makes the directories above the target, as kubelet does.
  [[nodiscard]] std::string Target(const std::string& uid = "uid-1") const {
    std::string path = kubelet_;
    for (const std::string& name : {std::string("pods"), uid, std::string("volumes"),
                                    std::string("kubernetes.io~csi"), std::string("scratch")}) {
      absl::StrAppend(&path, "/", name);
      ::mkdir(path.c_str(), 0750);
    }
    return path + "/mount";
  }

  [[nodiscard]] csi::v1::NodePublishVolumeRequest Request(const std::string& target,
                                                          const std::string& id = Id()) const {
    csi::v1::NodePublishVolumeRequest request;
    request.set_volume_id(id);
    request.set_target_path(target);
    csi::v1::VolumeCapability& capability = *request.mutable_volume_capability();
    capability.mutable_access_mode()->set_mode(Mode::SINGLE_NODE_WRITER);
    capability.mutable_mount()->set_fs_type(kind_.fs_type);
    auto& context = *request.mutable_volume_context();
    context["csi.storage.k8s.io/ephemeral"] = "true";
    context["csi.storage.k8s.io/pod.name"] = "pod";
    context["backend"] = kind_.backend;
    context["size"] = "320Mi";
    return request;
  }
  absl::Status Publish(const csi::v1::NodePublishVolumeRequest& request) {
    const absl::Status status = world_->Call(&NodeHandler::PublishVolume, request).status();
    if (status.ok()) published_.emplace(request.volume_id(), request.target_path());
    return status;
  }
  absl::Status Publish(const std::string& target, const std::string& id = Id()) {
    return Publish(Request(target, id));
  }
  absl::Status Unpublish(const std::string& target, const std::string& id = Id()) {
    csi::v1::NodeUnpublishVolumeRequest request;
    request.set_volume_id(id);
    request.set_target_path(target);
    const absl::Status status = world_->Call(&NodeHandler::UnpublishVolume, request).status();
    if (status.ok()) published_.erase({id, target});
    return status;
  }
  absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> Stats(const std::string& path,
                                                            const std::string& id = Id()) {
    csi::v1::NodeGetVolumeStatsRequest request;
    request.set_volume_id(id);
    request.set_volume_path(path);
    return world_->Call(&NodeHandler::GetVolumeStats, request);
  }

  // The objects in the pool.
  [[nodiscard]] std::vector<std::string> Volumes() const {
    return NamesIn(world_->PoolPath() + "/volumes");
  }

  const Kind kind_;
  std::unique_ptr<NodeWorld> world_;
  const std::string kubelet_ = testing::NewDirectory();

 private:
  std::set<std::pair<std::string, std::string>> published_;
};

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_INLINE_FIXTURE_H_

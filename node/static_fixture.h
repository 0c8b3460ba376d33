// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_STATIC_FIXTURE_H_
#define NODEVOL_NODE_STATIC_FIXTURE_H_

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "node/node_world.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::node {

// A test on a node that allows static volumes beneath prefix_. What a test leaves published is
// undone by the driver in the end.
class StaticFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(world_, NodeWorld::Create(DirectoryOnBtrfs()));
    world_->AllowStatic({prefix_});
    ASSERT_OK(world_->Restart());
  }
  void TearDown() override {
    for (const std::string& path : std::set(published_)) EXPECT_OK(Unpublish(path));
  }

  // A path beneath the prefix.
  [[nodiscard]] std::string Path(const std::string& name) const { return prefix_ + "/" + name; }
  [[nodiscard]] std::string Target(const std::string& name = "target") const {
    return targets_ + "/" + name;
  }

  static csi::v1::VolumeCapability MountCapability(Mode::Mode mode = Mode::SINGLE_NODE_WRITER) {
    csi::v1::VolumeCapability capability;
    capability.mutable_mount();
    capability.mutable_access_mode()->set_mode(mode);
    return capability;
  }
  [[nodiscard]] csi::v1::NodePublishVolumeRequest Request(const std::string& path,
                                                          const std::string& type,
                                                          const std::string& target) const {
    csi::v1::NodePublishVolumeRequest request;
    request.set_volume_id("static:data");
    request.set_staging_target_path(targets_ + "/staging");
    request.set_target_path(target);
    *request.mutable_volume_capability() = MountCapability();
    (*request.mutable_volume_context())["path"] = path;
    if (!type.empty()) (*request.mutable_volume_context())["type"] = type;
    return request;
  }
  absl::Status Publish(const csi::v1::NodePublishVolumeRequest& request) {
    const absl::Status status = world_->Call(&NodeHandler::PublishVolume, request).status();
    if (status.ok()) published_.insert(request.target_path());
    return status;
  }
  absl::Status Publish(const std::string& path, const std::string& type = "") {
    return Publish(Request(path, type, Target()));
  }
  absl::Status Unpublish(const std::string& target, const std::string& id = "static:data") {
    csi::v1::NodeUnpublishVolumeRequest request;
    request.set_volume_id(id);
    request.set_target_path(target);
    const absl::Status status = world_->Call(&NodeHandler::UnpublishVolume, request).status();
    if (status.ok()) published_.erase(target);
    return status;
  }
  absl::Status Unpublish() { return Unpublish(Target()); }

  std::unique_ptr<NodeWorld> world_;
  const std::string prefix_ = testing::NewDirectory();
  const std::string targets_ = testing::NewDirectory();

 private:
  std::set<std::string> published_;
};

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_STATIC_FIXTURE_H_

// SPDX-License-Identifier: Apache-2.0
//
// What the node service says of a call's arguments, before or without looking at the volume.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/synchronization/notification.h"

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

class NodeArgumentsTest : public NodeFixture {
 protected:
  NodeArgumentsTest() : NodeFixture(DirectoryOnBtrfs()) {}

  static auto IsInvalid(const std::string& word) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(word));
  }
  // Ours in form, but nobody's.
  [[nodiscard]] std::string UnknownId() const {
    return storage::VolumeId::ForName(volume_.substr(0, 32), "nobody").text();
  }
};

TEST_F(NodeArgumentsTest, RequiredFieldsComeBeforeExistence) {
  csi::v1::NodeStageVolumeRequest stage = StageRequest();
  stage.set_volume_id("");
  EXPECT_THAT(Stage(stage), IsInvalid("volume_id"));
  stage.set_volume_id("x");
  stage.clear_volume_capability();
  EXPECT_THAT(Stage(stage), IsInvalid("volume_capability"));
  stage.clear_staging_target_path();
  EXPECT_THAT(Stage(stage), IsInvalid("staging_target_path"));

  csi::v1::NodePublishVolumeRequest publish = PublishRequest(Target());
  publish.set_volume_id("");
  EXPECT_THAT(Publish(publish), IsInvalid("volume_id"));
  publish.set_volume_id("x");
  publish.clear_volume_capability();
  EXPECT_THAT(Publish(publish), IsInvalid("volume_capability"));
  publish.clear_target_path();
  EXPECT_THAT(Publish(publish), IsInvalid("target_path"));

  EXPECT_THAT(Unstage("", "x"), IsInvalid("staging_target_path"));
  EXPECT_THAT(Unstage(staging_, ""), IsInvalid("volume_id"));
  EXPECT_THAT(Unpublish("", "x"), IsInvalid("target_path"));
  EXPECT_THAT(Unpublish(Target(), ""), IsInvalid("volume_id"));
  EXPECT_THAT(Stats("", "x"), IsInvalid("volume_path"));
  EXPECT_THAT(Stats(Target(), ""), IsInvalid("volume_id"));
  EXPECT_THAT(Expand("", "x"), IsInvalid("volume_path"));
  EXPECT_THAT(Expand(Target(), ""), IsInvalid("volume_id"));
}

TEST_F(NodeArgumentsTest, CapabilityThatNoVolumeHasIsInvalid) {
  const auto expect_invalid = [this](const csi::v1::VolumeCapability& capability,
                                     const std::string& word) {
    csi::v1::NodeStageVolumeRequest stage = StageRequest();
    *stage.mutable_volume_capability() = capability;
    EXPECT_THAT(Stage(stage), IsInvalid(word));
    csi::v1::NodePublishVolumeRequest publish = PublishRequest(Target());
    *publish.mutable_volume_capability() = capability;
    EXPECT_THAT(Publish(publish), IsInvalid(word));
    csi::v1::NodeExpandVolumeRequest expand;
    expand.set_volume_id(volume_);
    expand.set_volume_path(staging_);
    *expand.mutable_volume_capability() = capability;
    EXPECT_THAT(world_->Call(&NodeHandler::ExpandVolume, expand), IsInvalid(word));
  };
  csi::v1::VolumeCapability capability = world_->Capability(Mode::SINGLE_NODE_WRITER);
  capability.clear_access_type();
  expect_invalid(capability, "access type");
  capability = world_->Capability(Mode::MULTI_NODE_MULTI_WRITER);
  expect_invalid(capability, "MULTI_NODE_MULTI_WRITER");
  capability = world_->Capability(Mode::SINGLE_NODE_WRITER);
  capability.clear_access_mode();
  expect_invalid(capability, "access mode");
  capability = world_->Capability(Mode::SINGLE_NODE_WRITER);
  capability.mutable_mount()->set_fs_type("ntfs");
  expect_invalid(capability, "ntfs");
  capability = world_->Capability(Mode::SINGLE_NODE_WRITER);
  capability.mutable_mount()->set_volume_mount_group("1000");
  expect_invalid(capability, "volume_mount_group");
}

TEST_F(NodeArgumentsTest, StagingPathIsRequiredForPublishWithItsOwnCode) {
  csi::v1::NodePublishVolumeRequest request = PublishRequest(Target());
  request.clear_staging_target_path();
  EXPECT_THAT(Publish(request),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("staging_target_path")));
}

TEST_F(NodeArgumentsTest, IdThatIsNoneOfOursIsNotFound) {
  for (const std::string id : {"x", "pvc-1", "..", "../x", "a/b", "/etc/passwd"}) {
    csi::v1::NodeStageVolumeRequest stage = StageRequest();
    stage.set_volume_id(id);
    csi::v1::NodePublishVolumeRequest publish = PublishRequest(Target());
    publish.set_volume_id(id);
    for (const absl::Status& status :
         {Stage(stage), Publish(publish), Unstage(staging_, id), Stats(staging_, id).status(),
          Expand(staging_, id).status()}) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound)) << id;
    }
    EXPECT_THAT(Unpublish(Target(), id), StatusIs(absl::StatusCode::kNotFound));
  }
}

TEST_F(NodeArgumentsTest, UnknownVolumeIsNotFoundAndUndoingItsNothingIsDone) {
  const std::string id = UnknownId();
  csi::v1::NodeStageVolumeRequest stage = StageRequest();
  stage.set_volume_id(id);
  csi::v1::NodePublishVolumeRequest publish = PublishRequest(Target());
  publish.set_volume_id(id);
  for (const absl::Status& status : {Stage(stage), Publish(publish), Stats(staging_, id).status(),
                                     Expand(staging_, id).status()}) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
  }
  EXPECT_OK(Unpublish(Target(), id));
  EXPECT_OK(Unpublish(Target("none/target"), id));
  EXPECT_OK(Unstage(staging_, id));
  EXPECT_OK(Unstage(Target("none/staging"), id));
}

TEST_F(NodeArgumentsTest, RelativeAndClimbingPathsAreInvalid) {
  ASSERT_OK(Stage());
  for (const std::string& path : {std::string("target"), std::string("."), std::string("/"),
                                  Target(".."), Target("../target"), Target("x/../target")}) {
    csi::v1::NodeStageVolumeRequest stage = StageRequest();
    stage.set_staging_target_path(path);
    csi::v1::NodePublishVolumeRequest from = PublishRequest(Target());
    from.set_staging_target_path(path);
    for (const absl::Status& status :
         {Stage(stage), Publish(path), Publish(from), Unpublish(path), Unstage(path, volume_),
          Unpublish(path, UnknownId()), Unstage(path, UnknownId())}) {
      EXPECT_THAT(status, IsInvalid("absolute")) << path;
    }
  }
}

TEST_F(NodeArgumentsTest, PoolsAreNoPlaceToMountOnOrToRemoveFrom) {
  ASSERT_OK(Stage());
  const std::string link = Target("link");
  ASSERT_EQ(::symlink(world_->PoolPath().c_str(), link.c_str()), 0);
  for (const std::string& pool : {world_->PoolPath(), link}) {
    for (const std::string& path :
         {pool + "/target", pool + "/volumes", pool + "/.nodevol/staging", pool + "/.nodevol/trash",
          pool + "/volumes/" + volume_ + "/data"}) {
      csi::v1::NodeStageVolumeRequest stage = StageRequest();
      stage.set_staging_target_path(path);
      for (const absl::Status& status :
           {Stage(stage), Publish(path), Unpublish(path), Unstage(path, volume_),
            Unpublish(path, UnknownId()), Unstage(path, UnknownId())}) {
        EXPECT_THAT(status, IsInvalid("pool")) << path;
      }
    }
  }
  EXPECT_THAT(Publish(world_->PoolPath()), IsInvalid("pool"));
  EXPECT_THAT(NamesIn(world_->PoolPath()),
              ::testing::UnorderedElementsAre(".nodevol", "volumes", "snapshots", "groups"));
  EXPECT_THAT(NamesIn(world_->PoolPath() + "/volumes/" + volume_),
              ::testing::UnorderedElementsAre("record", "data"));
}

TEST_F(NodeArgumentsTest, ParentThatIsMissingIsTheCosMistake) {
  ASSERT_OK(Stage());
  EXPECT_THAT(Publish(Target("none/target")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("parent")));
  csi::v1::NodeStageVolumeRequest stage = StageRequest();
  stage.set_staging_target_path(Target("none/staging"));
  EXPECT_THAT(Stage(stage), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("parent")));
  EXPECT_TRUE(NamesIn(targets_).empty());
}

TEST_F(NodeArgumentsTest, LongPathsWork) {
  std::string parent = targets_;
  while (parent.size() < 3000) {
    parent += "/" + std::string(200, 'x');
    ASSERT_EQ(::mkdir(parent.c_str(), 0700), 0);
  }
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(parent + "/target"));
  EXPECT_OK(Stats(parent + "/target"));
  EXPECT_OK(Unpublish(parent + "/target"));
}

TEST_F(NodeArgumentsTest, SecondOperationOnABusyVolumeIsAbortedAndStatsAreNot) {
  ASSERT_OK(Stage());
  absl::Notification entered;
  absl::Notification leave;
  absl::Notification left;
  world_->storage().WithVolume<bool>(
      *storage::VolumeId::Parse(volume_), /*exclusive=*/true,
      [&](storage::LocalVolume&) -> absl::StatusOr<bool> {
        entered.Notify();
        leave.WaitForNotification();
        return true;
      },
      [&left](const absl::StatusOr<bool>&) { left.Notify(); });
  entered.WaitForNotification();
  for (const absl::Status& status :
       {Stage(), Publish(Target()), Unpublish(Target()), Unstage(), Expand(staging_).status()}) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted, HasSubstr(volume_)));
  }
  EXPECT_OK(Stats(staging_));
  leave.Notify();
  left.WaitForNotification();
  EXPECT_OK(Publish(Target()));
}

}  // namespace
}  // namespace nodevol::node

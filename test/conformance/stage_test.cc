// SPDX-License-Identifier: Apache-2.0
//
// Group 15, NodeStageVolume, NodeUnstageVolume and what is shared with publishing. A reboot with
// its loop devices gone: node/restart_test.cc.
#include <sys/mount.h>

#include <string>

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;

constexpr char kContent[] = "content";

class StageConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(NodeRpc::STAGE_UNSTAGE_VOLUME);
  }
};

// "NodeStageVolume": identical, OK. "NodeUnstageVolume" undoes it all.
TEST_F(StageConformance, StagedAgainIsOkAndUnstagedOnceIsAll) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume created, CreateVolume());
  NodeVolume volume = OnNode(created);
  ASSERT_OK(volume.Attach());
  for (int i = 0; i < 3; ++i) ASSERT_OK(volume.Stage());
  for (int i = 0; i < 3; ++i) ASSERT_OK(volume.Unstage());
  EXPECT_THAT(MountsBeneath(directory()), IsEmpty());
  EXPECT_THAT(NamesIn(volume.staging()), IsEmpty()) << "the staging directory is the CO's";
  EXPECT_TRUE(Exists(volume.staging()));
}

// "NodeStageVolume Errors", Volume published but is incompatible.
TEST_F(StageConformance, OtherCapabilityIsAlreadyExists) {
  csi::v1::CreateVolumeRequest create = VolumeRequest();
  const csi::v1::VolumeCapability other =
      InMode(options().capability, driver().Announces(NodeRpc::SINGLE_NODE_MULTI_WRITER)
                                       ? AccessMode::SINGLE_NODE_SINGLE_WRITER
                                       : AccessMode::SINGLE_NODE_READER_ONLY);
  *create.add_volume_capabilities() = other;
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume created, Create(create));
  NodeVolume volume = OnNode(created);
  ASSERT_OK(volume.Attach());
  ASSERT_OK(volume.Stage());
  csi::v1::NodeStageVolumeRequest request = volume.StageRequest();
  *request.mutable_volume_capability() = other;
  EXPECT_THAT(volume.Stage(request), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_OK(volume.Stage());
}

// "NodeStageVolume Errors", Exceeds capabilities; VolumeCapability's REQUIRED fields.
TEST_F(StageConformance, CapabilityThatTheVolumeLacksIsRefused) {
  const csi::v1::VolumeCapability other =
      driver().IsBlock() ? MountCapability() : BlockCapability();
  csi::v1::CreateVolumeRequest both = VolumeRequest("both");
  *both.add_volume_capabilities() = other;
  const bool has_both = Create(both).ok();
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume created, CreateVolume());
  NodeVolume volume = OnNode(created);
  ASSERT_OK(volume.Attach());
  csi::v1::NodeStageVolumeRequest request = volume.StageRequest();
  *request.mutable_volume_capability() = other;
  if (!has_both) {
    EXPECT_THAT(volume.Stage(request), StatusIs(StatusCode::kFailedPrecondition));
  }
  request.mutable_volume_capability()->clear_access_type();
  EXPECT_THAT(volume.Stage(request), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(MountsBeneath(directory()), IsEmpty());
  EXPECT_OK(volume.Stage());
}

// "The CO SHALL ensure that there is only one staging_target_path per volume": where it fails to,
// nothing may be lost.
TEST_F(StageConformance, SecondStagingPathHarmsNothing) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  csi::v1::NodeStageVolumeRequest request = volume.StageRequest();
  request.set_staging_target_path(directory() + "/second-staging");
  const absl::Status second = volume.Stage(request);
  if (!second.ok()) {
    EXPECT_THAT(MountsBeneath(request.staging_target_path()), IsEmpty());
    EXPECT_FALSE(MountAt(request.staging_target_path()).has_value());
  }
  EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// "All NodeUnpublishVolume MUST be called and return success ... before NodeUnstageVolume MAY".
TEST_F(StageConformance, UnstageOfAPublishedVolumeHarmsNothing) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  const absl::Status unstaged = volume.Unstage();
  EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  EXPECT_OK(volume.In().Write("content", kContent)) << unstaged;
}

// "NodeStageVolume Errors", "NodeUnstageVolume Errors", "NodePublishVolume Errors",
// "NodeUnpublishVolume Errors": Volume does not exist.
TEST_F(StageConformance, UnknownVolumeIsNotFoundInAllFour) {
  csi::v1::Volume unknown;
  unknown.set_volume_id("no-such-volume");
  NodeVolume volume = OnNode(unknown);
  EXPECT_THAT(volume.Stage(), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(volume.Publish(), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(volume.Unpublish(), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(volume.Unstage(), StatusIs(StatusCode::kNotFound));
  EXPECT_FALSE(Exists(volume.Target()));
}

// What a workload has written is there when the volume comes back, at another path too.
TEST_F(StageConformance, ContentIsThereWhenItIsStagedAgain) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  ASSERT_OK(volume.Stop());
  EXPECT_THAT(MountsBeneath(directory()), IsEmpty());
  NodeVolume elsewhere = OnNode(volume.volume(), "elsewhere");
  ASSERT_OK(elsewhere.Start());
  EXPECT_THAT(elsewhere.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// A node that has lost its mounts: the same calls bring them back.
TEST_F(StageConformance, VolumeComesBackAfterItsMountsHaveVanished) {
  if (driver().IsBlock()) GTEST_SKIP() << "this program can't take devices away as a reboot does";
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  for (const std::string& path : MountsBeneath(directory())) {
    ASSERT_EQ(::umount(path.c_str()), 0) << path;
  }
  ASSERT_OK(volume.Stage());
  ASSERT_OK(volume.Publish());
  EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// Groups 14 and 15, paths where something of somebody else is: NodePublishVolume does not take them
// over, and "NodeUnpublishVolume ... MUST undo the work by the corresponding NodePublishVolume",
// not more. The spec names no code for a path that is taken.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using ::testing::ElementsAre;

constexpr char kContent[] = "content";

class OccupiedConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    absl::StatusOr<NodeVolume> volume = CreateAndStart();
    ASSERT_OK(volume);
    volume_.emplace(*std::move(volume));
    ASSERT_OK(volume_->In().Write("content", kContent));
  }
  // Mounts something foreign there; a file in it, where it is a directory.
  static void Occupy(const std::string& path) {
    ASSERT_OK(MountForeign(path));
    if (!driver().IsBlock()) std::ofstream(path + "/precious") << "foreign";
  }
  static void ExpectUntouched(const std::string& path) {
    EXPECT_TRUE(MountAt(path).has_value()) << "it was unmounted";
    if (!driver().IsBlock()) {
      EXPECT_THAT(NamesIn(path), ElementsAre("precious"));
    }
  }
  void ExpectContent() {
    EXPECT_THAT(volume_->In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  }

  std::optional<NodeVolume> volume_;
};

TEST_F(OccupiedConformance, TargetOfAnotherVolumeIsNotTaken) {
  ASSERT_OK_AND_ASSIGN(NodeVolume other, CreateAndStart("other"));
  csi::v1::NodePublishVolumeRequest request = other.PublishRequest();
  request.set_target_path(volume_->Target());
  ASSERT_OK(other.Unpublish());
  EXPECT_FALSE(other.Publish(request).ok()) << "it is the target of another volume";
  ExpectContent();
  csi::v1::NodeUnpublishVolumeRequest unpublish;
  unpublish.set_volume_id(other.id());
  unpublish.set_target_path(volume_->Target());
  driver().Call(&Node::NodeUnpublishVolume, unpublish).status().IgnoreError();
  ExpectContent();
}

TEST_F(OccupiedConformance, ForeignMountIsNotTaken) {
  const std::string target = volume_->Target("2");
  ASSERT_OK(volume_->Unpublish());
  if (driver().IsBlock()) {
    std::ofstream(target).close();
  } else {
    ASSERT_EQ(::mkdir(target.c_str(), 0750), 0);
  }
  ASSERT_NO_FATAL_FAILURE(Occupy(target));
  EXPECT_FALSE(volume_->Publish("2").ok()) << "something foreign is mounted there";
  ExpectUntouched(target);
  UnmountForeign(target);
  EXPECT_OK(volume_->Publish("2"));
}

TEST_F(OccupiedConformance, WhatIsMountedOverATargetIsLeftWithAllThatIsBeneath) {
  ASSERT_NO_FATAL_FAILURE(Occupy(volume_->Target()));
  volume_->Unpublish().IgnoreError();
  ExpectUntouched(volume_->Target());
  UnmountForeign(volume_->Target());
  EXPECT_OK(volume_->Unpublish());
  ASSERT_OK(volume_->Publish());
  ExpectContent();
}

TEST_F(OccupiedConformance, FilesInATargetWhoseMountVanishedAreLeft) {
  if (driver().IsBlock()) GTEST_SKIP() << "a device has no files";
  UnmountForeign(volume_->Target());
  const std::string file = volume_->Target() + "/precious";
  std::ofstream(file) << "foreign";
  volume_->Unpublish().IgnoreError();
  volume_->Unpublish().IgnoreError();
  ASSERT_TRUE(Exists(file)) << "somebody's file was deleted";
  ASSERT_EQ(::unlink(file.c_str()), 0);
  EXPECT_OK(volume_->Unpublish());
  EXPECT_FALSE(Exists(volume_->Target()));
}

TEST_F(OccupiedConformance, WhatALinkAtTheTargetLeadsToIsLeftAsItWas) {
  ASSERT_OK(volume_->Unpublish());
  const std::string elsewhere = directory() + "/elsewhere";
  ASSERT_EQ(::mkdir(elsewhere.c_str(), 0750), 0);
  std::ofstream(elsewhere + "/precious") << "foreign";
  ASSERT_EQ(::symlink(elsewhere.c_str(), volume_->Target("2").c_str()), 0);
  volume_->Publish("2").IgnoreError();
  volume_->Unpublish("2").IgnoreError();
  EXPECT_FALSE(MountAt(elsewhere).has_value());
  EXPECT_THAT(NamesIn(elsewhere), ElementsAre("precious"));
  ::unlink(volume_->Target("2").c_str());
}

TEST_F(OccupiedConformance, ForeignMountOnTheStagingPathIsNotTaken) {
  REQUIRE_ANNOUNCED(NodeRpc::STAGE_UNSTAGE_VOLUME);
  if (driver().IsBlock()) GTEST_SKIP() << "where a device is staged is the driver's affair";
  ASSERT_OK(volume_->Stop());
  ASSERT_NO_FATAL_FAILURE(Occupy(volume_->staging()));
  EXPECT_FALSE(volume_->Stage().ok()) << "something foreign is mounted there";
  volume_->Unstage().IgnoreError();
  ExpectUntouched(volume_->staging());
  UnmountForeign(volume_->staging());
  EXPECT_OK(volume_->Start());
  ExpectContent();
}

}  // namespace
}  // namespace nodevol::testing

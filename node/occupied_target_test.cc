// SPDX-License-Identifier: Apache-2.0
//
// Paths where something of somebody else is: refused, and left exactly as it is.
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::StatusCode kRefused = absl::StatusCode::kFailedPrecondition;

class OccupiedTargetTest : public NodeFixture {
 protected:
  // A target of the right kind that the CO made.
  void MakeTarget(const std::string& path) const {
    if (kind_.block) {
      std::ofstream(path).close();
    } else {
      ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
    }
  }
  // Mounts something foreign on the path: a tmpfs, or on a file another file.
  void Occupy(const std::string& path) const {
    if (!kind_.block) {
      ASSERT_OK(MountTmpfs(path));
      std::ofstream(path + "/precious") << "foreign";
      return;
    }
    const std::string file = NewDirectory() + "/precious";
    std::ofstream(file) << "foreign";
    ASSERT_EQ(::mount(file.c_str(), path.c_str(), nullptr, MS_BIND, nullptr), 0);
  }
  // What Occupy put there is there and whole.
  [[nodiscard]] bool IsUntouched(const std::string& path) const {
    std::ifstream file(kind_.block ? path : path + "/precious");
    std::string content;
    return IsMountRoot(path) && file >> content && content == "foreign";
  }
  static void Leave(const std::string& path) { EXPECT_EQ(::umount(path.c_str()), 0); }
};
INSTANTIATE_FOR_KINDS(OccupiedTargetTest, AllKinds());

TEST_P(OccupiedTargetTest, AnotherVolumesTargetIsRefused) {
  ASSERT_OK_AND_ASSIGN(const std::string other,
                       world_->CreateVolume("other", Mode::SINGLE_NODE_WRITER));
  csi::v1::NodeStageVolumeRequest stage = StageRequest();
  stage.set_volume_id(other);
  stage.set_staging_target_path(NewDirectory());
  ASSERT_OK(Stage(stage));
  csi::v1::NodePublishVolumeRequest publish = PublishRequest(Target());
  publish.set_volume_id(other);
  publish.set_staging_target_path(stage.staging_target_path());
  ASSERT_OK(Publish(publish));
  ASSERT_OK(WriteContent(Target(), "other's"));

  ASSERT_OK(Stage());
  EXPECT_THAT(Publish(Target()), StatusIs(kRefused, HasSubstr(Target())));
  EXPECT_THAT(Unpublish(Target()), StatusIs(kRefused, HasSubstr(Target())));
  EXPECT_THAT(Unstage(stage.staging_target_path(), volume_), StatusIs(kRefused));
  csi::v1::NodeStageVolumeRequest onto = StageRequest();
  onto.set_staging_target_path(stage.staging_target_path());
  EXPECT_THAT(Stage(onto), StatusIs(kRefused));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("other's"));
}

TEST_P(OccupiedTargetTest, ForeignMountIsRefusedAndUntouched) {
  ASSERT_OK(Stage());
  MakeTarget(Target());
  Occupy(Target());
  EXPECT_THAT(Publish(Target()), StatusIs(kRefused, HasSubstr("something else is mounted")));
  EXPECT_THAT(Unpublish(Target()), StatusIs(kRefused, HasSubstr("something else is mounted")));
  EXPECT_TRUE(IsUntouched(Target()));
  Leave(Target());
  EXPECT_OK(Publish(Target()));
}

TEST_P(OccupiedTargetTest, ForeignMountOnTheStagingPathIsRefusedAndUntouched) {
  if (kind_.block) std::ofstream(StagedAt()).close();
  Occupy(StagedAt());
  EXPECT_THAT(Stage(), StatusIs(kRefused, HasSubstr("something else is mounted")));
  EXPECT_THAT(Unstage(), StatusIs(kRefused));
  EXPECT_THAT(Publish(Target()), StatusIs(kRefused));
  EXPECT_TRUE(IsUntouched(StagedAt()));
  Leave(StagedAt());
  EXPECT_OK(Stage());
}

TEST_P(OccupiedTargetTest, ForeignMountStackedOnTheTargetStopsUnpublish) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  Occupy(Target());
  EXPECT_THAT(Unpublish(Target()), StatusIs(kRefused, HasSubstr(Target())));
  EXPECT_TRUE(IsUntouched(Target()));
  Leave(Target());
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
  EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(ReadContent(StagedAt()), IsOkAndHolds("content"));
}

TEST_P(OccupiedTargetTest, AllLayersOfTheVolumeAreUnmounted) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_EQ(::mount(StagedAt().c_str(), Target().c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_OK(Unpublish(Target()));
  EXPECT_TRUE(NamesIn(targets_).empty());
}

TEST_P(OccupiedTargetTest, FilesInATargetWhoseMountVanishedStay) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  Leave(Target());
  std::ofstream(kind_.block ? Target() : Target() + "/precious") << "foreign";
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Unpublish(Target()), StatusIs(kRefused, HasSubstr("has content")));
  }
  EXPECT_THAT(NamesIn(targets_), ElementsAre("target"));
  if (!kind_.block) {
    EXPECT_THAT(NamesIn(Target()), ElementsAre("precious"));
    EXPECT_EQ(::unlink((Target() + "/precious").c_str()), 0);
  } else {
    EXPECT_EQ(::truncate(Target().c_str(), 0), 0);
  }
  EXPECT_OK(Unpublish(Target()));
  EXPECT_TRUE(NamesIn(targets_).empty());
}

TEST_P(OccupiedTargetTest, TargetOfTheWrongKindIsRefusedAndLeft) {
  ASSERT_OK(Stage());
  ASSERT_EQ(::mkdir(Target("directory").c_str(), 0700), 0);
  std::ofstream(Target("file")).close();
  ASSERT_EQ(::symlink("directory", Target("link").c_str()), 0);
  const std::string wrong = kind_.block ? "directory" : "file";
  for (const std::string& name : {wrong, std::string("link")}) {
    EXPECT_THAT(Publish(Target(name)), StatusIs(kRefused, HasSubstr(Target(name))));
  }
  EXPECT_THAT(NamesIn(targets_), ::testing::UnorderedElementsAre("directory", "file", "link"));
  EXPECT_TRUE(NamesIn(Target("directory")).empty());
}

}  // namespace
}  // namespace nodevol::node

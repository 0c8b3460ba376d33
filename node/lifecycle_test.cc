// SPDX-License-Identifier: Apache-2.0
//
// Stage, publish, unpublish, unstage: in order, repeated, out of order.
#include <string>

#include "host/mount.h"
#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::Leftovers;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LifecycleTest : public NodeFixture {};
INSTANTIATE_FOR_KINDS(LifecycleTest, AllKinds());

TEST_P(LifecycleTest, EveryStepMayBeRepeated) {
  const Leftovers before = Leftovers::Now();
  const std::string target = Target();
  for (int i = 0; i < 3; ++i) EXPECT_OK(Stage());
  EXPECT_TRUE(IsMountRoot(StagedAt()));
  for (int i = 0; i < 3; ++i) EXPECT_OK(Publish(target));
  EXPECT_TRUE(IsMountRoot(target));
  const Leftovers published = Leftovers::Now();
  EXPECT_EQ(published.mounts, before.mounts + 2);
  EXPECT_EQ(published.loops, before.loops + (kind_.backend == "image" ? 1 : 0));
  for (int i = 0; i < 3; ++i) EXPECT_OK(Unpublish(target));
  for (int i = 0; i < 3; ++i) EXPECT_OK(Unstage());
  EXPECT_EQ(Leftovers::Now().mounts, before.mounts);
}

TEST_P(LifecycleTest, UnpublishRemovesTheTargetAndUnstageLeavesTheCosDirectory) {
  const std::string target = Target();
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(target));
  EXPECT_THAT(NamesIn(targets_), ElementsAre("target"));
  ASSERT_OK(Unpublish(target));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
  ASSERT_OK(Unstage());
  EXPECT_THAT(NamesIn(staging_), IsEmpty());
}

TEST_P(LifecycleTest, TargetThatTheCoMadeIsUsedAndRemovedToo) {
  const std::string target = Target();
  if (kind_.block) {
    ASSERT_EQ(::fclose(::fopen(target.c_str(), "w")), 0);
  } else {
    ASSERT_EQ(::mkdir(target.c_str(), 0700), 0);
  }
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(target));
  ASSERT_OK(Unpublish(target));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
}

TEST_P(LifecycleTest, ContentOutlivesEverything) {
  for (const std::string& content : {std::string("one"), std::string("two")}) {
    ASSERT_OK(Stage());
    ASSERT_OK(Publish(Target()));
    if (content == "two") {
      EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("one"));
    }
    ASSERT_OK(WriteContent(Target(), content));
    EXPECT_THAT(ReadContent(StagedAt()), IsOkAndHolds(content));
    ASSERT_OK(Unpublish(Target()));
    EXPECT_THAT(ReadContent(StagedAt()), IsOkAndHolds(content));
    ASSERT_OK(Unstage());
  }
}

TEST_P(LifecycleTest, SecondStagingPathIsRefused) {
  ASSERT_OK(Stage());
  csi::v1::NodeStageVolumeRequest second = StageRequest();
  second.set_staging_target_path(NewDirectory());
  EXPECT_THAT(Stage(second), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(staging_)));
  EXPECT_THAT(NamesIn(second.staging_target_path()), IsEmpty());
  EXPECT_FALSE(IsMountRoot(second.staging_target_path()));
  EXPECT_OK(Publish(Target()));
}

TEST_P(LifecycleTest, StagingAgainWithAnotherCapabilityIsAlreadyExists) {
  ASSERT_OK(Stage(Mode::SINGLE_NODE_WRITER));
  for (const Mode::Mode other : {Mode::SINGLE_NODE_READER_ONLY, Mode::SINGLE_NODE_MULTI_WRITER}) {
    EXPECT_THAT(Stage(other), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(staging_)));
  }
  EXPECT_OK(Stage(Mode::SINGLE_NODE_WRITER));
}

TEST_P(LifecycleTest, StagingWithACapabilityThatTheVolumeLacksFails) {
  csi::v1::NodeStageVolumeRequest request = StageRequest();
  csi::v1::VolumeCapability& capability = *request.mutable_volume_capability();
  kind_.block ? static_cast<void>(capability.mutable_mount())
              : static_cast<void>(capability.mutable_block());
  EXPECT_THAT(Stage(request), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(NamesIn(staging_), IsEmpty());
}

TEST_P(LifecycleTest, StagingPathThatIsMissingOrNoDirectoryIsRefused) {
  csi::v1::NodeStageVolumeRequest request = StageRequest();
  request.set_staging_target_path(Target("missing"));
  EXPECT_THAT(Stage(request),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("missing")));
  ASSERT_EQ(::fclose(::fopen(Target("file").c_str(), "w")), 0);
  request.set_staging_target_path(Target("file"));
  EXPECT_THAT(Stage(request),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("directory")));
  ASSERT_EQ(::symlink(staging_.c_str(), Target("link").c_str()), 0);
  request.set_staging_target_path(Target("link"));
  EXPECT_THAT(Stage(request),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("directory")));
  EXPECT_THAT(NamesIn(staging_), IsEmpty());
}

TEST_P(LifecycleTest, UnstagingWhilePublishedIsRefused) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  EXPECT_THAT(Unstage(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr("published"), HasSubstr(Target()))));
  EXPECT_TRUE(IsMountRoot(StagedAt()));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

TEST_P(LifecycleTest, PublishingWithoutStagingIsRefused) {
  EXPECT_THAT(Publish(Target()), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          AllOf(HasSubstr("not staged"), HasSubstr(staging_))));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
  ASSERT_OK(Stage());
  csi::v1::NodePublishVolumeRequest elsewhere = PublishRequest(Target());
  elsewhere.set_staging_target_path(NewDirectory());
  EXPECT_THAT(Publish(elsewhere), StatusIs(absl::StatusCode::kFailedPrecondition));
  elsewhere.set_staging_target_path(Target("missing"));
  EXPECT_THAT(Publish(elsewhere), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
}

TEST_P(LifecycleTest, UndoingWhereNothingIsIsDone) {
  EXPECT_OK(Unpublish(Target()));
  EXPECT_OK(Unstage());
  EXPECT_OK(Unpublish(Target("missing/target")));
  EXPECT_OK(Unstage(Target("missing/staging"), volume_));
  ASSERT_OK(Stage());
  EXPECT_OK(Unpublish(Target()));
  EXPECT_OK(Unstage(NewDirectory(), volume_));
  EXPECT_TRUE(IsMountRoot(StagedAt())) << "what is staged elsewhere stays";
}

TEST_P(LifecycleTest, BusyVolumeStaysUntilItsUserEnds) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  {
    const UniqueFd user(::open(Target().c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(user.valid());
    if (!kind_.block) {
      EXPECT_THAT(Unpublish(Target()),
                  StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("busy")));
      EXPECT_TRUE(IsMountRoot(Target()));
    }
  }
  EXPECT_OK(Unpublish(Target()));
}

// As an unstage that failed between its two halves leaves it.
TEST_P(LifecycleTest, DeviceIsFreedAlsoWhenTheVolumeIsUnmountedAlready) {
  const Leftovers before = Leftovers::Now();
  ASSERT_OK(Stage());
  ASSERT_OK(host::Unmount(StagedAt()));
  EXPECT_OK(Unstage());
  EXPECT_EQ(Leftovers::Now().loops, before.loops);
  EXPECT_OK(world_->Delete(volume_));
}

TEST_P(LifecycleTest, VolumeInUseIsNotDeleted) {
  ASSERT_OK(Stage());
  EXPECT_THAT(world_->Delete(volume_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(staging_)));
  ASSERT_OK(Unstage());
  EXPECT_OK(world_->Delete(volume_));
}

}  // namespace
}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
//
// Volumes whose pool was taken out of the configuration while pods used them: the pods must be able
// to end.
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::Leftovers;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ForgottenMountTest : public NodeFixture {
 protected:
  void Forget() {
    world_->Stop();
    ASSERT_OK(world_->StartWithoutPool());
  }
};
INSTANTIATE_FOR_KINDS(ForgottenMountTest, AllKinds());

TEST_P(ForgottenMountTest, MountsOfTheVolumeAreUndone) {
  const Leftovers before = Leftovers::Now();
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  Forget();
  EXPECT_THAT(Publish(Target("other")), StatusIs(absl::StatusCode::kNotFound));
  for (int i = 0; i < 3; ++i) EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
  EXPECT_THAT(ReadContent(StagedAt()), IsOkAndHolds("content"));
  for (int i = 0; i < 3; ++i) EXPECT_OK(Unstage());
  EXPECT_THAT(NamesIn(staging_), IsEmpty());
  EXPECT_EQ(Leftovers::Now().mounts, before.mounts);
  // The disk comes back, and with it the data.
  ASSERT_OK(world_->Restart());
  ASSERT_OK(Stage());
  EXPECT_THAT(ReadContent(StagedAt()), IsOkAndHolds("content"));
}

TEST_P(ForgottenMountTest, PodsOfAFailedDiskCanEnd) {
  if (kind_.pool == host::FilesystemType::kBtrfs) return;  // it can't be made to fail so
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  ASSERT_OK(world_->FailDisk());
  EXPECT_FALSE(world_->CreateVolume("other", Mode::SINGLE_NODE_WRITER).ok());
  for (int i = 0; i < 2; ++i) EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
  for (int i = 0; i < 2; ++i) EXPECT_OK(Unstage());
  EXPECT_THAT(NamesIn(staging_), IsEmpty());
  EXPECT_THAT(Stage(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(ForgottenMountTest, PodsOfADamagedVolumeCanEnd) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  world_->Stop();
  std::ofstream(world_->PoolPath() + "/volumes/" + volume_ + "/record", std::ios::app) << "x";
  ASSERT_OK(world_->Start());
  EXPECT_THAT(Stage(), StatusIs(absl::StatusCode::kInternal, HasSubstr("damaged")));
  EXPECT_OK(Unpublish(Target()));
  EXPECT_OK(Unstage());
  EXPECT_THAT(NamesIn(staging_), IsEmpty());
}

TEST_P(ForgottenMountTest, ReadersAreUndoneOneByOne) {
  // Of a raw block volume a reader's target may have a device of its own or share one.
  for (const Mode::Mode mode : {Mode::SINGLE_NODE_MULTI_WRITER, Mode::SINGLE_NODE_READER_ONLY}) {
    SCOPED_TRACE(Mode::Mode_Name(mode));
    ASSERT_OK(world_->Restart());
    ASSERT_OK(Stage(mode));
    ASSERT_OK(Publish(Target(), mode, /*read_only=*/true));
    Forget();
    EXPECT_OK(Unpublish(Target()));
    EXPECT_OK(ReadContent(StagedAt())) << "what is staged must not suffer";
    EXPECT_OK(Unstage());
  }
}

TEST_P(ForgottenMountTest, OneTargetOfSeveralLeavesTheOthers) {
  const Mode::Mode mode = Mode::SINGLE_NODE_MULTI_WRITER;
  ASSERT_OK(Stage(mode));
  for (const char* const name : {"1", "2", "3"}) ASSERT_OK(Publish(Target(name), mode));
  ASSERT_OK(WriteContent(Target("1"), "content"));
  Forget();
  EXPECT_OK(Unpublish(Target("1")));
  EXPECT_THAT(ReadContent(Target("2")), IsOkAndHolds("content"));
  EXPECT_OK(Unpublish(Target("2")));
  EXPECT_THAT(ReadContent(Target("3")), IsOkAndHolds("content"));
}

TEST_P(ForgottenMountTest, MountOfSomebodyElseIsRefusedAndLeft) {
  Forget();
  ASSERT_OK(MountTmpfs(staging_));
  ASSERT_EQ(::mkdir(Target().c_str(), 0700), 0);
  ASSERT_OK(MountTmpfs(Target()));
  EXPECT_THAT(Unpublish(Target()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Target())));
  EXPECT_THAT(Unstage(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(staging_)));
  EXPECT_TRUE(IsMountRoot(Target()));
  EXPECT_TRUE(IsMountRoot(staging_));
  EXPECT_EQ(::umount(Target().c_str()), 0);
  EXPECT_EQ(::umount(staging_.c_str()), 0);
}

TEST_P(ForgottenMountTest, MountOfAnotherForgottenVolumeIsRefusedAndLeft) {
  ASSERT_OK_AND_ASSIGN(const std::string other,
                       world_->CreateVolume("other", Mode::SINGLE_NODE_WRITER));
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  Forget();
  EXPECT_THAT(Unpublish(Target(), other), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Unstage(staging_, other), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(IsMountRoot(Target()));
  EXPECT_TRUE(IsMountRoot(StagedAt()));
}

TEST_P(ForgottenMountTest, FilesAtTheTargetAreLeft) {
  Forget();
  ASSERT_EQ(::mkdir(Target().c_str(), 0700), 0);
  std::ofstream(Target() + "/precious") << "content";
  EXPECT_THAT(Unpublish(Target()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("has content")));
  EXPECT_THAT(NamesIn(Target()), ::testing::ElementsAre("precious"));
}

TEST_P(ForgottenMountTest, EmptyTargetIsRemoved) {
  Forget();
  ASSERT_EQ(::mkdir(Target().c_str(), 0700), 0);
  EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
}

}  // namespace
}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
//
// A driver that ends while volumes are in use, and one that starts and finds them.
#include <string>

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::Leftovers;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RestartTest : public NodeFixture {};
INSTANTIATE_FOR_KINDS(RestartTest, AllKinds());

TEST_P(RestartTest, MountsStayAndEveryCallKnowsThem) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  ASSERT_OK(world_->Restart());
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
  EXPECT_OK(Stage());
  EXPECT_OK(Publish(Target()));
  EXPECT_OK(Stats(Target()));
  EXPECT_THAT(world_->Delete(volume_), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Unstage(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Target())));
  csi::v1::NodeStageVolumeRequest elsewhere = StageRequest();
  elsewhere.set_staging_target_path(NewDirectory());
  EXPECT_THAT(Stage(elsewhere), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Publish(Target("other")), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
  EXPECT_OK(Unstage());
  EXPECT_OK(world_->Delete(volume_));
}

TEST_P(RestartTest, ReadonlyFlagIsComparedWithWhatTheKernelHas) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target(), Mode::SINGLE_NODE_WRITER, /*read_only=*/true));
  ASSERT_OK(world_->Restart());
  EXPECT_THAT(Publish(Target(), Mode::SINGLE_NODE_WRITER, /*read_only=*/false),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_OK(Publish(Target(), Mode::SINGLE_NODE_WRITER, /*read_only=*/true));
  EXPECT_THAT(Stage(Mode::SINGLE_NODE_READER_ONLY), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_P(RestartTest, DevicesInUseAreNotFreed) {
  const Mode::Mode mode = Mode::SINGLE_NODE_MULTI_WRITER;
  ASSERT_OK(Stage(mode));
  ASSERT_OK(Publish(Target("writer"), mode));
  ASSERT_OK(Publish(Target("reader"), mode, /*read_only=*/true));
  ASSERT_OK(WriteContent(Target("writer"), "content"));
  const int loops = Leftovers::Now().loops;
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(world_->Restart());
    EXPECT_EQ(Leftovers::Now().loops, loops);
    EXPECT_THAT(ReadContent(Target("reader")), IsOkAndHolds("content"));
    EXPECT_OK(WriteContent(Target("writer"), "content"));
  }
}

TEST_P(RestartTest, OnlineExpansionGoesOn) {
  ASSERT_OK(Stage());
  ASSERT_OK(world_->ControllerExpand(volume_, 2 * kVolumeBytes));
  ASSERT_OK(world_->Restart());
  if (kind_.fs_type == "ext4") return;  // ext4_growth_test.cc
  ASSERT_OK(Expand(staging_));
  ASSERT_OK_AND_ASSIGN(const auto stats, Stats(staging_));
  EXPECT_GE(stats.usage(0).total(), kVolumeBytes * 3 / 2);
}

class RebootTest : public NodeFixture {};
INSTANTIATE_FOR_KINDS(RebootTest, AllKinds());

TEST_P(RebootTest, VolumeIsStagedAndPublishedAgainWithItsContent) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  ASSERT_OK(world_->Reboot());
  ASSERT_FALSE(IsMountRoot(Target()));
  EXPECT_THAT(Publish(Target()), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

TEST_P(RebootTest, WhatWasPublishedBeforeCanBeUndone) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(world_->Reboot());
  EXPECT_OK(Unpublish(Target()));
  EXPECT_OK(Unstage());
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
  EXPECT_THAT(NamesIn(staging_), IsEmpty());
  EXPECT_OK(world_->Delete(volume_));
}

TEST_P(RebootTest, VolumeMayBeStagedAtAnotherPath) {
  ASSERT_OK(Stage());
  ASSERT_OK(world_->Reboot());
  csi::v1::NodeStageVolumeRequest elsewhere = StageRequest();
  elsewhere.set_staging_target_path(NewDirectory());
  EXPECT_OK(Stage(elsewhere));
}

}  // namespace
}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
//
// Read-only is what the kernel enforces, whichever way it was asked for.
#include <fcntl.h>

#include <cerrno>
#include <string>

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class ReadOnlyTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    if (world_ == nullptr) return;
    ASSERT_OK(Stage());
    ASSERT_OK(WriteContent(StagedAt(), "before"));
    ASSERT_OK(Unstage());
  }

  // The content can be read and not be written at the path.
  static void ExpectReadOnly(const std::string& path) {
    EXPECT_THAT(WriteContent(path, "after!"),
                AnyOf(ErrnoIs(EROFS), ErrnoIs(EACCES), ErrnoIs(EPERM)));
    EXPECT_THAT(ReadContent(path), IsOkAndHolds("before"));
  }
};
INSTANTIATE_FOR_KINDS(ReadOnlyTest, AllKinds());

TEST_P(ReadOnlyTest, ByTheCallsFlag) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target(), Mode::SINGLE_NODE_WRITER, /*read_only=*/true));
  ExpectReadOnly(Target());
  EXPECT_OK(WriteContent(StagedAt(), "before")) << "the staged volume is still writable";
}

TEST_P(ReadOnlyTest, ByTheAccessMode) {
  ASSERT_OK(Stage(Mode::SINGLE_NODE_READER_ONLY));
  ExpectReadOnly(StagedAt());
  ASSERT_OK(Publish(Target(), Mode::SINGLE_NODE_READER_ONLY));
  ExpectReadOnly(Target());
}

TEST_P(ReadOnlyTest, ByTheControllersPublication) {
  ASSERT_OK(world_->ControllerPublish(volume_, /*read_only=*/true));
  ASSERT_OK(Stage());
  ExpectReadOnly(StagedAt());
  ASSERT_OK(Publish(Target()));
  ExpectReadOnly(Target());
  EXPECT_OK(Publish(Target())) << "the same call again";
  EXPECT_OK(Stage());
  ASSERT_OK(Unpublish(Target()));
  ASSERT_OK(Unstage());
  ASSERT_OK(world_->ControllerUnpublish(volume_));
  ASSERT_OK(Stage());
  EXPECT_OK(WriteContent(StagedAt(), "after"));
}

TEST_P(ReadOnlyTest, ByAMountFlag) {
  if (kind_.block) GTEST_SKIP() << "devices have no mount flags";
  csi::v1::NodeStageVolumeRequest stage = StageRequest();
  stage.mutable_volume_capability()->mutable_mount()->add_mount_flags("ro");
  csi::v1::NodePublishVolumeRequest publish = PublishRequest(Target());
  publish.mutable_volume_capability()->mutable_mount()->add_mount_flags("ro");
  for (int i = 0; i < 2; ++i) EXPECT_OK(Stage(stage)) << "attempt " << i;
  ExpectReadOnly(StagedAt());
  for (int i = 0; i < 2; ++i) EXPECT_OK(Publish(publish)) << "attempt " << i;
  ExpectReadOnly(Target());
}

TEST_P(ReadOnlyTest, WhatIsStagedReadOnlyIsNotPublishedWritable) {
  ASSERT_OK(Stage(Mode::SINGLE_NODE_READER_ONLY));
  EXPECT_THAT(Publish(Target(), Mode::SINGLE_NODE_WRITER),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("read-only")));
  EXPECT_TRUE(NamesIn(targets_).empty());
  ExpectReadOnly(StagedAt());
}

TEST_P(ReadOnlyTest, OneReaderBesideAWriter) {
  ASSERT_OK(Stage(Mode::SINGLE_NODE_MULTI_WRITER));
  ASSERT_OK(Publish(Target("reader"), Mode::SINGLE_NODE_MULTI_WRITER, /*read_only=*/true));
  ASSERT_OK(Publish(Target("writer"), Mode::SINGLE_NODE_MULTI_WRITER));
  ExpectReadOnly(Target("reader"));
  EXPECT_OK(WriteContent(Target("writer"), "before"));
  ASSERT_OK(Unpublish(Target("reader")));
  EXPECT_OK(WriteContent(Target("writer"), "after"));
}

TEST_P(ReadOnlyTest, DeviceOfAReaderIsFreedWithItsTarget) {
  const nodevol::testing::Leftovers before = nodevol::testing::Leftovers::Now();
  ASSERT_OK(Stage());
  const int staged = nodevol::testing::Leftovers::Now().loops;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(Publish(Target(), Mode::SINGLE_NODE_WRITER, /*read_only=*/true));
    EXPECT_EQ(nodevol::testing::Leftovers::Now().loops, staged + (kind_.block ? 1 : 0));
    ASSERT_OK(Unpublish(Target()));
    EXPECT_EQ(nodevol::testing::Leftovers::Now().loops, staged);
  }
  ASSERT_OK(Unstage());
  EXPECT_EQ(nodevol::testing::Leftovers::Now().mounts, before.mounts);
}

}  // namespace
}  // namespace nodevol::node

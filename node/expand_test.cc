// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::Ge;
using ::testing::HasSubstr;

constexpr int64_t kLarger = 2 * kVolumeBytes;

class ExpandTest : public NodeFixture {
 protected:
  // ext4 grows in use only for a driver that has this capability (ext4_growth_test.cc).
  [[nodiscard]] bool CanGrowInUse() const {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets = {};
    EXPECT_EQ(syscall(SYS_capget, &header, sets.data()), 0);
    return kind_.fs_type != "ext4" || (sets[0].permitted & (uint32_t{1} << CAP_SYS_RESOURCE)) != 0;
  }

  absl::StatusOr<csi::v1::NodeExpandVolumeResponse> ExpandTo(int64_t required, int64_t limit) {
    csi::v1::NodeExpandVolumeRequest request;
    request.set_volume_id(volume_);
    request.set_volume_path(staging_);
    request.mutable_capacity_range()->set_required_bytes(required);
    request.mutable_capacity_range()->set_limit_bytes(limit);
    return world_->Call(&NodeHandler::ExpandVolume, request);
  }
};
INSTANTIATE_FOR_KINDS(ExpandTest, AllKinds());

TEST_P(ExpandTest, UserOfTheVolumeSeesItsNewSizeAndItsContent) {
  if (!CanGrowInUse()) GTEST_SKIP() << "CAP_SYS_RESOURCE is missing";
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  ASSERT_OK(world_->ControllerExpand(volume_, kLarger));
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto expanded, Expand(i == 2 ? Target() : staging_));
    EXPECT_EQ(expanded.capacity_bytes(), kLarger);
  }
  ASSERT_OK_AND_ASSIGN(const auto stats, Stats(Target()));
  EXPECT_GE(stats.usage(0).total(), kLarger * 3 / 4);
  if (kind_.backend == "image") {
    EXPECT_THAT(SizeSeenAt(Target()), IsOkAndHolds(Ge(kLarger * 3 / 4)));
  }
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

TEST_P(ExpandTest, ReaderSeesTheNewSizeToo) {
  if (!CanGrowInUse()) GTEST_SKIP() << "CAP_SYS_RESOURCE is missing";
  ASSERT_OK(Stage());
  ASSERT_OK(WriteContent(StagedAt(), "content"));
  ASSERT_OK(Publish(Target(), Mode::SINGLE_NODE_WRITER, /*read_only=*/true));
  ASSERT_OK(world_->ControllerExpand(volume_, kLarger));
  ASSERT_OK(Expand(Target()));
  if (kind_.backend == "image") {
    EXPECT_THAT(SizeSeenAt(Target()), IsOkAndHolds(Ge(kLarger * 3 / 4)));
  }
  EXPECT_FALSE(WriteContent(Target(), "changed").ok()) << "it is still read-only";
}

TEST_P(ExpandTest, WhatGrewWhileItWasNotStagedIsLargeWhenItIs) {
  ASSERT_OK(world_->ControllerExpand(volume_, kLarger));
  ASSERT_OK(Stage(Mode::SINGLE_NODE_READER_ONLY));
  ASSERT_OK_AND_ASSIGN(const auto stats, Stats(staging_));
  EXPECT_GE(stats.usage(0).total(), kLarger * 3 / 4);
  EXPECT_OK(Expand(staging_));
}

TEST_P(ExpandTest, SizeIsTheControllersToDecide) {
  ASSERT_OK(Stage());
  EXPECT_THAT(ExpandTo(kLarger, 0),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("ControllerExpandVolume")));
  EXPECT_THAT(ExpandTo(0, kVolumeBytes / 2), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(ExpandTo(-1, 0), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ExpandTo(0, -1), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(ExpandTo(0, 0));
  EXPECT_OK(ExpandTo(1, 0));
  EXPECT_OK(ExpandTo(kVolumeBytes, kVolumeBytes));
}

TEST_P(ExpandTest, CapabilityThatTheVolumeLacksIsInvalid) {
  ASSERT_OK(Stage());
  csi::v1::NodeExpandVolumeRequest request;
  request.set_volume_id(volume_);
  request.set_volume_path(staging_);
  csi::v1::VolumeCapability& capability = *request.mutable_volume_capability();
  capability = world_->Capability(Mode::SINGLE_NODE_WRITER);
  EXPECT_OK(world_->Call(&NodeHandler::ExpandVolume, request));
  if (kind_.block) {
    capability.mutable_mount();
  } else {
    capability.mutable_block();
  }
  EXPECT_THAT(world_->Call(&NodeHandler::ExpandVolume, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("raw block")));
}

class BlockExpandTest : public NodeFixture {};
INSTANTIATE_FOR_KINDS(BlockExpandTest, BlockKinds());

TEST_P(BlockExpandTest, DevicesKnowTheirSizeFromTheControllerAlone) {
  const Mode::Mode mode = Mode::SINGLE_NODE_MULTI_WRITER;
  ASSERT_OK(Stage(mode));
  ASSERT_OK(Publish(Target("writer"), mode));
  ASSERT_OK(Publish(Target("reader"), mode, /*read_only=*/true));
  ASSERT_OK(world_->ControllerExpand(volume_, kLarger));
  for (const std::string& path : {Target("writer"), Target("reader"), StagedAt()}) {
    EXPECT_THAT(SizeSeenAt(path), IsOkAndHolds(kLarger)) << path;
  }
}

}  // namespace
}  // namespace nodevol::node

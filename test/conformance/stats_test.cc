// SPDX-License-Identifier: Apache-2.0
//
// Group 16, NodeGetVolumeStats: figures of the volume, not of what it lies on.
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using csi::v1::VolumeUsage;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

class StatsConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(NodeRpc::GET_VOLUME_STATS);
  }
  static std::optional<VolumeUsage> UsageOf(NodeVolume& volume, VolumeUsage::Unit unit) {
    const auto stats = volume.Stats(volume.Target());
    EXPECT_OK(stats);
    if (!stats.ok()) return std::nullopt;
    for (const VolumeUsage& usage : stats->usage()) {
      if (usage.unit() == unit) return usage;
    }
    return std::nullopt;
  }
};

// VolumeUsage: total and unit are REQUIRED, nothing is negative.
TEST_F(StatsConformance, FiguresAreWholeAndNotNegative) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK_AND_ASSIGN(const auto stats, volume.Stats(volume.Target()));
  EXPECT_GT(stats.usage_size(), 0);
  for (const VolumeUsage& usage : stats.usage()) {
    SCOPED_TRACE(usage.ShortDebugString());
    EXPECT_NE(usage.unit(), VolumeUsage::UNKNOWN);
    EXPECT_THAT(usage.total(), Ge(0));
    EXPECT_THAT(usage.used(), Ge(0));
    EXPECT_THAT(usage.available(), Ge(0));
    if (usage.total() > 0) {
      EXPECT_THAT(usage.used() + usage.available(), Le(usage.total()));
    }
  }
}

// "the volume capacity statistics available for the volume".
TEST_F(StatsConformance, TotalIsTheVolumes) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  const std::optional<VolumeUsage> bytes = UsageOf(volume, VolumeUsage::BYTES);
  ASSERT_TRUE(bytes.has_value());
  if (driver().IsBlock()) {
    EXPECT_THAT(SizeSeenAt(volume.Target()), IsOkAndHolds(bytes->total()));
  } else {
    // A filesystem keeps a part for itself.
    EXPECT_THAT(bytes->total(), AllOf(Ge(Bytes() / 2), Le(volume.volume().capacity_bytes())));
  }
}

TEST_F(StatsConformance, WhatIsWrittenCountsInItsVolumeOnly) {
  if (driver().IsBlock()) GTEST_SKIP() << "only its user knows what is in a device";
  ASSERT_OK_AND_ASSIGN(NodeVolume written, CreateAndStart("written"));
  ASSERT_OK_AND_ASSIGN(NodeVolume other, CreateAndStart("other"));
  const std::optional<VolumeUsage> before = UsageOf(written, VolumeUsage::BYTES);
  const std::optional<VolumeUsage> other_before = UsageOf(other, VolumeUsage::BYTES);
  ASSERT_TRUE(before.has_value() && other_before.has_value());
  const int64_t bytes = Bytes() / 4;
  ASSERT_OK(written.In().Write("content", std::string(static_cast<size_t>(bytes), 'x')));
  ASSERT_OK(SyncAt(written.Target()));
  const std::optional<VolumeUsage> after = UsageOf(written, VolumeUsage::BYTES);
  const std::optional<VolumeUsage> other_after = UsageOf(other, VolumeUsage::BYTES);
  ASSERT_TRUE(after.has_value() && other_after.has_value());
  EXPECT_THAT(after->used(), AllOf(Ge(before->used() + bytes), Le(before->used() + 2 * bytes)));
  EXPECT_THAT(after->available(), Le(before->available() - bytes));
  EXPECT_THAT(other_after->used(), Le(other_before->used() + kMiB));
}

TEST_F(StatsConformance, InodesAreTheVolumes) {
  if (driver().IsBlock()) GTEST_SKIP() << "a device has none";
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  const std::optional<VolumeUsage> before = UsageOf(volume, VolumeUsage::INODES);
  if (!before.has_value()) GTEST_SKIP() << "inodes are not said";
  constexpr int kFiles = 20;
  for (int i = 0; i < kFiles; ++i) ASSERT_OK(volume.In().Write(absl::StrCat(i), "x"));
  ASSERT_OK(SyncAt(volume.Target()));
  EXPECT_EQ(UsageOf(volume, VolumeUsage::INODES)->used(), before->used() + kFiles);
}

// NodeGetVolumeStatsRequest.volume_path: "any valid path where volume was previously staged or
// published".
TEST_F(StatsConformance, StagingPathIsTakenToo) {
  REQUIRE_ANNOUNCED(NodeRpc::STAGE_UNSTAGE_VOLUME);
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK_AND_ASSIGN(const auto published, volume.Stats(volume.Target()));
  ASSERT_OK_AND_ASSIGN(const auto staged, volume.Stats(volume.staging()));
  ASSERT_GT(staged.usage_size(), 0);
  EXPECT_EQ(staged.usage(0).total(), published.usage(0).total());
}

// "NodeGetVolumeStats Errors": "does not exist on specified volume_path".
TEST_F(StatsConformance, OnlyTheVolumesOwnPathIsTaken) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart("volume"));
  ASSERT_OK_AND_ASSIGN(NodeVolume other, CreateAndStart("other"));
  for (const std::string& path :
       {other.Target(), directory(), std::string("/"), directory() + "/nothing"}) {
    EXPECT_THAT(volume.Stats(path), StatusIs(StatusCode::kNotFound)) << path;
  }
  ASSERT_OK(volume.Unpublish());
  EXPECT_THAT(volume.Stats(volume.Target()), StatusIs(StatusCode::kNotFound)) << "unpublished";
}

}  // namespace
}  // namespace nodevol::testing

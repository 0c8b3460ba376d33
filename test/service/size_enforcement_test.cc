// SPDX-License-Identifier: Apache-2.0
//
// A pod that writes more than its volume holds is refused by the kernel; nobody else notices.
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using csi::v1::VolumeUsage;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Ge;
using ::testing::Le;

constexpr char kContent[] = "what the neighbour keeps";

class SizeEnforcementTest : public GroundFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = GetParam(), .pool_bytes = 2 * kGiB}));
    ASSERT_NO_FATAL_FAILURE(StartPod("full", full_));
    ASSERT_NO_FATAL_FAILURE(StartPod("neighbour", neighbour_));
    ASSERT_OK(neighbour_->Write("content", kContent));
  }
  void StartPod(const std::string& name, std::optional<Pod>& pod) {
    ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume(name));
    pod.emplace(id, node().directory(), name);
    ASSERT_OK(pod->Start(client()));
  }

  [[nodiscard]] bool IsBlock() const { return node().ground().volume_class.capability.has_block(); }
  VolumeUsage UsageOf(const Pod& pod, VolumeUsage::Unit unit) {
    const auto stats = client().Stats(pod.volume_id(), pod.target());
    EXPECT_OK(stats);
    if (!stats.ok()) return {};
    for (const VolumeUsage& usage : stats->usage()) {
      if (usage.unit() == unit) return usage;
    }
    ADD_FAILURE() << "no such unit in " << stats->ShortDebugString();
    return {};
  }

  std::optional<Pod> full_;
  std::optional<Pod> neighbour_;
};
INSTANTIATE_FOR_GROUNDS(SizeEnforcementTest, DirectoryOnBtrfs(), ImageOnXfs(), ImageOnExt4(),
                        ImageOnBtrfs(), BlockOnXfs(), BlockOnExt4());

TEST_P(SizeEnforcementTest, WriterIsStoppedAtItsSize) {
  int error = 0;
  const int64_t taken = full_->Fill("flood", error);
  EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT));
  // A filesystem keeps a part of its image for itself.
  EXPECT_THAT(taken, AllOf(Ge(GetParam().volume_bytes / 3), Le(GetParam().volume_bytes)));
}

TEST_P(SizeEnforcementTest, NeighboursAndThePoolGoOn) {
  int error = 0;
  ASSERT_GT(full_->Fill("flood", error), 0);
  EXPECT_THAT(neighbour_->Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  EXPECT_OK(neighbour_->Write("more", std::string(kMiB, 'x')));
  EXPECT_OK(client().csi().Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()));
  std::optional<Pod> third;
  ASSERT_NO_FATAL_FAILURE(StartPod("third", third));
  EXPECT_OK(third->Write("content", std::string(kMiB, 'x')));
}

TEST_P(SizeEnforcementTest, StatsAreTheVolumesOwn) {
  int error = 0;
  const int64_t taken = full_->Fill("flood", error);
  const int64_t size = GetParam().volume_bytes;
  EXPECT_THAT(UsageOf(*full_, VolumeUsage::BYTES).total(), AllOf(Ge(size * 2 / 3), Le(size)));
  if (IsBlock()) return;  // only its user knows what is in it
  const VolumeUsage full = UsageOf(*full_, VolumeUsage::BYTES);
  EXPECT_THAT(full.used(), AllOf(Ge(taken), Le(size)));
  EXPECT_LE(full.available(), kMiB);
  const VolumeUsage neighbour = UsageOf(*neighbour_, VolumeUsage::BYTES);
  EXPECT_LE(neighbour.used(), size / 3);
  EXPECT_GE(neighbour.available(), size / 3);
}

// A raw device has none.
class InodeStatsTest : public SizeEnforcementTest {};
INSTANTIATE_FOR_GROUNDS(InodeStatsTest, DirectoryOnBtrfs(), ImageOnXfs(), ImageOnExt4());

TEST_P(InodeStatsTest, InodesAreTheVolumesOwn) {
  constexpr int kFiles = 10;
  for (int i = 0; i < kFiles; ++i) ASSERT_OK(full_->Write(absl::StrCat(i), "x"));
  const int64_t neighbours = UsageOf(*neighbour_, VolumeUsage::INODES).used();
  // The neighbour has one file.
  EXPECT_EQ(UsageOf(*full_, VolumeUsage::INODES).used(), neighbours - 1 + kFiles);
  EXPECT_LE(neighbours, 64);
}

}  // namespace
}  // namespace nodevol::testing

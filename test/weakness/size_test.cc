// SPDX-License-Identifier: Apache-2.0
//
// Weaknesses of sizes and of full disks.
#include <cerrno>
#include <string>

#include "test/support/pool_leftovers.h"
#include "test/weakness/weakness_fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::AnyOf;
using ::testing::Ge;
using ::testing::Le;

constexpr char kContent[] = "content";

Ground OfSize(Ground ground, int64_t bytes) {
  ground.volume_bytes = bytes;
  return ground;
}

TEST_F(Weakness, W01_VolumeHoldsNoMoreThanItsSize) {
  ASSERT_NO_FATAL_FAILURE(StartOn(OfSize(DirectoryOnBtrfs(), 10 * kMiB)));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPod("volume"));
  int error = 0;
  EXPECT_THAT(pod.Fill("flood", error), Le(10 * kMiB));
  EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT));
}

TEST_F(Weakness, W02_FullDiskCostsNeitherTheDriverNorWhatItKnows) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs(), 512 * kMiB));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodWith("volume", kContent));
  ASSERT_NO_FATAL_FAILURE(FillDisk(0));
  // What a state file would be written for, again and again.
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(client().Unpublish(pod.volume_id(), pod.target()));
    ASSERT_OK(client().Publish(pod.volume_id(), pod.staging(), pod.target()));
  }
  node().driver().Kill();
  ASSERT_OK(node().Start());
  EXPECT_THAT(pod.Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  ASSERT_OK(pod.Stop(client()));
  EXPECT_OK(client().Delete(pod.volume_id()));
}

TEST_F(Weakness, W11_VolumeThatDoesNotFitLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs(), 512 * kMiB));
  csi::v1::CreateVolumeRequest request = VolumeRequest("thick");
  (*request.mutable_parameters())["provisioning"] = "thick";
  request.mutable_capacity_range()->set_required_bytes(200 * kMiB);
  // The driver learns of it only when its blocks are refused.
  ASSERT_NO_FATAL_FAILURE(FillDisk(64 * kMiB));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Create(request), StatusIs(StatusCode::kResourceExhausted));
  }
  EXPECT_OK(CheckPoolEmpty(node().disk()));
}

TEST_F(Weakness, W15_SizesAreRoundedUpAndMayBeLeftOut) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  constexpr int64_t kOdd = 3 * kMiB / 2 + 1;
  for (const int64_t asked : {kOdd, int64_t{1}, int64_t{0}}) {
    SCOPED_TRACE(asked);
    const std::string name = "volume-" + std::to_string(asked);
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, client().Create(name, asked));
    EXPECT_THAT(volume.capacity_bytes(), Ge(asked));
    ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodOn(volume.volume_id(), name));
    EXPECT_THAT(DeviceSize(pod.target()), IsOkAndHolds(volume.capacity_bytes()));
  }
}

TEST_F(Weakness, W17_ExpansionGrowsTheDeviceAndKnowsThePool) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPod("volume"));
  const int64_t larger = 2 * node().ground().volume_bytes;
  EXPECT_OK(client().ControllerExpand(pod.volume_id(), larger));
  EXPECT_THAT(DeviceSize(pod.target()), IsOkAndHolds(larger));
  EXPECT_THAT(client().ControllerExpand(pod.volume_id(), kTiB), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(client().ControllerExpand(pod.volume_id(), -1),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(DeviceSize(pod.target()), IsOkAndHolds(larger));
  ASSERT_OK_AND_ASSIGN(const auto capacity,
                       Call(&Controller::GetCapacity, csi::v1::GetCapacityRequest()));
  EXPECT_THAT(capacity.available_capacity(), Ge(0));
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// Weaknesses of snapshots that fail, of groups, and of changed-block metadata. What the driver does
// not announce is skipped, until it does.
#include <string>

#include "absl/strings/str_cat.h"

#include "test/support/pool_leftovers.h"
#include "test/weakness/weakness_fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;

using SnapshotMetadata = CsiClient::SnapshotMetadata;

class MetadataReader {
 public:
  explicit MetadataReader(CsiClient& client) : client_(client) {}

  absl::Status Allocated(const std::string& snapshot, int64_t offset, int32_t max_results) {
    csi::v1::GetMetadataAllocatedRequest request;
    request.set_snapshot_id(snapshot);
    request.set_starting_offset(offset);
    request.set_max_results(max_results);
    return client_.Stream(
        &SnapshotMetadata::GetMetadataAllocated, request,
        absl::FunctionRef<bool(const csi::v1::GetMetadataAllocatedResponse&)>(kTakeAll));
  }
  absl::Status Delta(const std::string& base, const std::string& target) {
    csi::v1::GetMetadataDeltaRequest request;
    request.set_base_snapshot_id(base);
    request.set_target_snapshot_id(target);
    return client_.Stream(
        &SnapshotMetadata::GetMetadataDelta, request,
        absl::FunctionRef<bool(const csi::v1::GetMetadataDeltaResponse&)>(kTakeAll));
  }

 private:
  static constexpr auto kTakeAll = [](const auto&) { return true; };
  CsiClient& client_;
};

TEST_F(Weakness, W10_SnapshotsThatFailLeaveNothing) {
  // A copy of blocks, since ext4 can't share them.
  Ground ground = BlockOnExt4();
  ground.volume_bytes = 160 * kMiB;
  ASSERT_NO_FATAL_FAILURE(StartOn(ground, 512 * kMiB));
  ASSERT_OK_AND_ASSIGN(const Pod pod,
                       StartPodWith("volume", std::string(static_cast<size_t>(128 * kMiB), 'x')));
  ASSERT_OK(pod.Stop(client()));
  ASSERT_NO_FATAL_FAILURE(FillDisk(64 * kMiB));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(client().Snapshot(absl::StrCat("snapshot-", i), pod.volume_id()),
                StatusIs(StatusCode::kResourceExhausted));
    EXPECT_OK(CheckEmpty(node().disk().path() + "/.nodevol/staging"));
    EXPECT_OK(CheckEmpty(node().disk().path() + "/snapshots"));
  }
}

TEST_F(Weakness, W12_GroupSnapshotWithABadMemberLeavesNothingOfTheOthers) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(const std::string good, node().CreateVolume("good"));
  csi::v1::CreateVolumeGroupSnapshotRequest request;
  request.set_name("group");
  request.add_source_volume_ids(good);
  request.add_source_volume_ids("no-such-volume");
  const absl::Status refused =
      Call(&CsiClient::GroupController::CreateVolumeGroupSnapshot, request).status();
  if (absl::IsUnimplemented(refused)) GTEST_SKIP() << "no group snapshots yet";
  EXPECT_THAT(refused, StatusIs(StatusCode::kNotFound));
  EXPECT_OK(CheckEmpty(node().disk().path() + "/snapshots"));
  EXPECT_OK(CheckEmpty(node().disk().path() + "/.nodevol/staging"));
}

TEST_F(Weakness, W20_MetadataOfANegativeNumberOfRangesEnd) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  ASSERT_OK_AND_ASSIGN(const std::string volume, node().CreateVolume("volume"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, client().Snapshot("snapshot", volume));
  MetadataReader metadata(client().csi());
  const absl::Status refused = metadata.Allocated(snapshot.snapshot_id(), 0, -1);
  if (absl::IsUnimplemented(refused)) GTEST_SKIP() << "no changed-block metadata yet";
  EXPECT_THAT(refused, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(metadata.Allocated(snapshot.snapshot_id(), 0, 1));
}

TEST_F(Weakness, W33_MetadataAreOfTheSnapshotAlone) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodWith("volume", "content"));
  ASSERT_OK_AND_ASSIGN(const std::string base, SnapshotAtRest(pod, "base"));
  ASSERT_OK_AND_ASSIGN(const std::string target, SnapshotAtRest(pod, "target"));
  MetadataReader metadata(client().csi());
  const int64_t bytes = node().ground().volume_bytes;
  const absl::Status beyond = metadata.Allocated(base, 2 * bytes, 0);
  if (absl::IsUnimplemented(beyond)) GTEST_SKIP() << "no changed-block metadata yet";
  EXPECT_THAT(beyond, StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(metadata.Delta(target, base), StatusIs(StatusCode::kInvalidArgument));
  ASSERT_OK(client().Delete(pod.volume_id()));
  EXPECT_OK(metadata.Allocated(base, 0, 0)) << "its volume is gone";
  EXPECT_OK(metadata.Delta(base, target)) << "their volume is gone";
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// What an administrator is told beyond CSI.
#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InspectionTest : public KindTest {
 protected:
  void SetUp() override {
    KindTest::SetUp();
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "a")));
  }
  absl::StatusOr<MeasuredVolume> Measure(const VolumePtr& volume) {
    return Await<MeasuredVolume>([&](Callback<MeasuredVolume> done) {
      node().storage().MeasureVolume(volume, std::move(done));
    });
  }

  VolumePtr volume_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, InspectionTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(InspectionTest, VolumeIsFoundByIdAndByName) {
  EXPECT_THAT(node().storage().LookUpVolume(volume_->id()), IsOkAndHolds(volume_));
  EXPECT_THAT(node().storage().LookUpVolume("a"), IsOkAndHolds(volume_));
  EXPECT_THAT(
      node().storage().LookUpVolume("b"),
      StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr("node-1"), HasSubstr("\"b\""))));
  ASSERT_OK(node().Delete(volume_));
  EXPECT_THAT(node().storage().LookUpVolume("a"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(InspectionTest, FiguresSayWhereItIs) {
  const VolumeFigures figures = node().storage().FiguresOf(*volume_);
  EXPECT_EQ(figures.pool, "pool-0");
  EXPECT_EQ(figures.path, absl::StrCat(node().disk().path(), "/volumes/", volume_->id()));
  EXPECT_THAT(figures.mounts, IsEmpty());
}

TEST_P(InspectionTest, MeasuringLooksAtTheDiskAndTheKernel) {
  ASSERT_OK_AND_ASSIGN(const MeasuredVolume idle, Measure(volume_));
  EXPECT_THAT(idle.mounts, IsEmpty());
  EXPECT_FALSE(idle.usage.has_value());
  ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume_));
  int error = 0;
  EXPECT_EQ(used.Fill("file", 8 * kMiB, error), 8 * kMiB);
  // The node service tells where it has mounted it.
  ASSERT_OK(node().OnVolume(volume_, [&](LocalVolume& volume) {
    volume.engine.mounts().Add(volume.record->id(),
                               {.path = used.path(), .capability = std::nullopt});
    volume.engine.mounts().Add(volume.record->id(),
                               {.path = "/mnt/was/unmounted", .capability = std::nullopt});
    return absl::OkStatus();
  }));
  EXPECT_THAT(node().storage().FiguresOf(*volume_).mounts, SizeIs(2));
  ASSERT_OK_AND_ASSIGN(const MeasuredVolume mounted, Measure(volume_));
  ASSERT_THAT(mounted.mounts, SizeIs(1)) << "only what is so";
  EXPECT_EQ(mounted.mounts[0].path, used.path());
  ASSERT_TRUE(mounted.usage.has_value());
  EXPECT_GT(mounted.usage->total_bytes, 0);
  EXPECT_OK(used.Release());
}

TEST_P(InspectionTest, VolumeThatIsGoneIsSaidToBe) {
  ASSERT_OK(node().Delete(volume_));
  EXPECT_THAT(Measure(volume_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(InspectionTest, DamagedObjectsAreListedWithTheReason) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  EXPECT_THAT(node().storage().DamagedVolumes(), IsEmpty());
  node().Close();
  for (const std::string& path : {node().PathOf(volume_), node().PathOf(snapshot)}) {
    std::ofstream(path + "/record", std::ios::app) << " ";
  }
  ASSERT_OK(node().Open());
  const std::vector<DamagedObject> volumes = node().storage().DamagedVolumes();
  ASSERT_THAT(volumes, SizeIs(1));
  EXPECT_EQ(volumes[0].id, volume_->id());
  EXPECT_EQ(volumes[0].pool, "pool-0");
  EXPECT_EQ(volumes[0].path, node().PathOf(volume_));
  EXPECT_THAT(volumes[0].why, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("checksum")));
  const std::vector<DamagedObject> snapshots = node().storage().DamagedSnapshots();
  ASSERT_THAT(snapshots, SizeIs(1));
  EXPECT_EQ(snapshots[0].id, snapshot->id());
  // By its name too, whose hash is in the id.
  EXPECT_THAT(node().storage().LookUpVolume("a"), StatusIs(absl::StatusCode::kInternal));
}

TEST(StatisticsTest, SayWhereTheSpaceWent) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({host::FilesystemType::kXfs}));
  const PoolStatistics before = node->Statistics();
  EXPECT_OK(before.state);
  EXPECT_EQ(before.path, node->disk().path());
  EXPECT_EQ(before.uuid, node->PoolUuid());
  EXPECT_EQ(before.filesystem, "xfs");
  EXPECT_EQ(before.reserve_missing_bytes, 0);
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node->Create(RequestFor(BlockOnXfs(), "a")));
  {
    ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(*node, volume));
    int error = 0;
    EXPECT_EQ(used.Fill("", 32 * kMiB, error), 32 * kMiB);
    ASSERT_OK(used.Release());
  }
  // Measured when the driver starts.
  ASSERT_OK(node->Reopen());
  const PoolStatistics after = node->Statistics();
  EXPECT_GE(after.written_bytes, 32 * kMiB);
  // The filesystem takes and gives back a little for itself.
  EXPECT_LE(after.free_bytes, before.free_bytes - 31 * kMiB);
  ASSERT_OK(node->disk().CutPower());
  EXPECT_TRUE(
      Eventually([&] { return absl::IsUnavailable(node->storage().Statistics().front().state); }));
  EXPECT_EQ(node->storage().Statistics().front().uuid, before.uuid) << "what it was is remembered";
}

}  // namespace
}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
//
// Snapshots, and volumes made from them and from volumes. What is only refused is in
// snapshot_refusal_test.cc.
#include <string>

#include "google/protobuf/util/message_differencer.h"

#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using google::protobuf::util::MessageDifferencer;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SnapshotTest : public KindTest {
 protected:
  void SetUp() override {
    MakeNode(2 * kGiB);
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "source")));
    ASSERT_OK(WriteContent(node(), volume_, "before"));
  }

  absl::StatusOr<VolumePtr> Restore(const SnapshotPtr& snapshot) {
    return node().Create(RequestForCopy(kind(), "restored", snapshot));
  }

  VolumePtr volume_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, SnapshotTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(SnapshotTest, SnapshotHoldsTheContentOfItsMoment) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  ASSERT_OK(WriteContent(node(), volume_, "after"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored, Restore(snapshot));
  EXPECT_THAT(ReadContent(node(), restored), IsOkAndHolds("before"));
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("after"));
  EXPECT_EQ(restored->size_bytes(), volume_->size_bytes());
  EXPECT_EQ(restored->image().fs_type(), volume_->image().fs_type());
  EXPECT_EQ(restored->image().sector_bytes(), volume_->image().sector_bytes());
  EXPECT_EQ(restored->has_directory(), volume_->has_directory());
}

TEST_P(SnapshotTest, RestoredVolumeAndSnapshotDoNotShareWrites) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored, Restore(snapshot));
  ASSERT_OK(WriteContent(node(), restored, "after"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr again,
                       node().Create(RequestForCopy(kind(), "again", snapshot)));
  EXPECT_THAT(ReadContent(node(), again), IsOkAndHolds("before"));
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("before"));
}

TEST_P(SnapshotTest, SnapshotSaysWhatItIsOf) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  EXPECT_EQ(snapshot->id(), SnapshotId::ForName(node().PoolUuid(), "s").text());
  EXPECT_EQ(snapshot->request().source_volume_id(), volume_->id());
  EXPECT_EQ(snapshot->size_bytes(), volume_->size_bytes());
  EXPECT_TRUE(snapshot->has_created());
  EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
  EXPECT_THAT(node().storage().GetSnapshot(*SnapshotId::Parse(snapshot->id())),
              IsOkAndHolds(snapshot));
}

TEST_P(SnapshotTest, SameRequestFindsTheSameSnapshot) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  EXPECT_THAT(node().Snapshot("s", volume_), IsOkAndHolds(snapshot));
  ASSERT_OK(node().Reopen());
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr again, node().Snapshot("s", volume_));
  EXPECT_TRUE(MessageDifferencer::Equals(*again, *snapshot));
  EXPECT_THAT(node().Entries("snapshots"), ElementsAre(snapshot->id()));
}

TEST_P(SnapshotTest, SnapshotOutlivesItsSource) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  ASSERT_OK(node().Delete(volume_));
  ASSERT_TRUE(node().TrashEmpties());
  ASSERT_OK(node().Reopen());
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored, Restore(snapshot));
  EXPECT_THAT(ReadContent(node(), restored), IsOkAndHolds("before"));
}

TEST_P(SnapshotTest, SourceAndRestoredVolumeOutliveTheSnapshot) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored, Restore(snapshot));
  EXPECT_OK(node().DeleteSnapshot(snapshot));
  EXPECT_OK(node().DeleteSnapshot(snapshot));
  EXPECT_THAT(node().storage().GetSnapshot(*SnapshotId::Parse(snapshot->id())),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_TRUE(node().TrashEmpties());
  ASSERT_OK(node().Reopen());
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("before"));
  EXPECT_THAT(ReadContent(node(), restored), IsOkAndHolds("before"));
  EXPECT_THAT(node().Entries("snapshots"), IsEmpty());
}

TEST_P(SnapshotTest, CloneIsACopyOfItsOwn) {
  const v1::VolumeRequest request = RequestForCopy(kind(), "clone", volume_);
  ASSERT_OK_AND_ASSIGN(const VolumePtr clone, node().Create(request));
  EXPECT_THAT(node().Create(request), IsOkAndHolds(clone));
  ASSERT_OK(WriteContent(node(), clone, "after"));
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("before"));
  ASSERT_OK(node().Delete(volume_));
  EXPECT_THAT(ReadContent(node(), clone), IsOkAndHolds("after"));
  // The source is gone; the request that made the clone still finds it.
  EXPECT_THAT(node().Create(request), IsOkAndHolds(clone));
}

TEST_P(SnapshotTest, RestoredVolumeCanBeLarger) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  v1::VolumeRequest request = RequestForCopy(kind(), "restored", snapshot);
  const int64_t larger = 2 * volume_->size_bytes();
  request.mutable_capacity_range()->set_required_bytes(larger);
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored, node().Create(request));
  EXPECT_EQ(restored->size_bytes(), larger);
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), restored));
  EXPECT_THAT(used.Read(), IsOkAndHolds("before"));
  EXPECT_OK(node().OnVolume(restored, [&](LocalVolume& local) -> absl::Status {
    const auto fd = host::OpenPath(used.path(), O_RDONLY);
    const auto usage = local.backend().Usage(local.object.get(), *local.record, fd->get());
    EXPECT_OK(usage);
    EXPECT_GT(usage->total_bytes, volume_->size_bytes() + volume_->size_bytes() / 2);
    return absl::OkStatus();
  }));
}

TEST_P(SnapshotTest, RestoredVolumeCanNotBeSmaller) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  v1::VolumeRequest request = RequestForCopy(kind(), "restored", snapshot);
  request.mutable_capacity_range()->set_required_bytes(volume_->size_bytes() - kSizeUnit);
  EXPECT_THAT(node().Create(request), StatusIs(absl::StatusCode::kOutOfRange));
  request.clear_capacity_range();
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored, node().Create(request));
  EXPECT_EQ(restored->size_bytes(), volume_->size_bytes());
}

TEST_P(SnapshotTest, SpaceThatASnapshotPinsIsPromised) {
  const int64_t before = node().Statistics().promised_bytes;
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  EXPECT_GT(snapshot->pinned_bytes(), 0);
  EXPECT_EQ(node().Statistics().promised_bytes, before + snapshot->pinned_bytes());
  ASSERT_OK(node().Reopen());
  EXPECT_EQ(node().Statistics().promised_bytes, before + snapshot->pinned_bytes());
  ASSERT_OK(node().DeleteSnapshot(snapshot));
  EXPECT_EQ(node().Statistics().promised_bytes, before);
}

}  // namespace
}  // namespace nodevol::storage

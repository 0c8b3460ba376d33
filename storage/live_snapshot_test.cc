// SPDX-License-Identifier: Apache-2.0
//
// Snapshots of volumes in use: a point in time, or refused.
#include <fcntl.h>

#include <memory>
#include <string>
#include <vector>

#include "host/file.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Those in pools whose filesystem shares blocks.
std::vector<TestKind> SharingKinds() {
  std::vector<TestKind> kinds = AllKinds();
  std::erase_if(kinds, [](const TestKind& kind) {
    return kind.pool == FilesystemType::kExt4 || kind.project_quotas;
  });
  return kinds;
}

class LiveSnapshotTest : public KindTest {
 protected:
  void SetUp() override {
    KindTest::SetUp();
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "source")));
    ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume_));
    used_.emplace(std::move(used));
  }
  void TearDown() override { used_.reset(); }

  VolumePtr volume_;
  std::optional<UsedVolume> used_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, LiveSnapshotTest, ::testing::ValuesIn(SharingKinds()), KindName);

TEST_P(LiveSnapshotTest, WhatWasWrittenBeforeIsInTheSnapshotAndWhatCameAfterIsNot) {
  ASSERT_OK(used_->WriteWithoutSync("before"));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  ASSERT_OK(used_->Write("after"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                       node().Create(RequestForCopy(kind(), "restored", snapshot)));
  EXPECT_THAT(ReadContent(node(), restored), IsOkAndHolds("before"));
  EXPECT_THAT(used_->Read(), IsOkAndHolds("after"));
}

TEST_P(LiveSnapshotTest, CloneIsAPointInTimeToo) {
  ASSERT_OK(used_->WriteWithoutSync("before"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr clone,
                       node().Create(RequestForCopy(kind(), "clone", volume_)));
  ASSERT_OK(used_->Write("after"));
  EXPECT_THAT(ReadContent(node(), clone), IsOkAndHolds("before"));
}

TEST_P(LiveSnapshotTest, CopyIsUsedBesideItsSource) {
  ASSERT_OK(used_->Write("before"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr clone,
                       node().Create(RequestForCopy(kind(), "clone", volume_)));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used_clone, UsedVolume::Stage(node(), clone));
  ASSERT_OK(used_clone.Write("after"));
  EXPECT_THAT(used_clone.Read(), IsOkAndHolds("after"));
  EXPECT_THAT(used_->Read(), IsOkAndHolds("before"));
}

TEST_P(LiveSnapshotTest, WhatIsNotOnTheDiskYetIsPinnedToo) {
  constexpr int64_t kData = 24 * kMiB;
  int error = 0;
  ASSERT_EQ(used_->Fill("big", kData, error), kData);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  EXPECT_GE(snapshot->pinned_bytes(), kData);
  EXPECT_EQ(node().Statistics().promised_bytes, volume_->size_bytes() + snapshot->pinned_bytes());
}

TEST_P(LiveSnapshotTest, SnapshotThatPinsMoreThanThereIsIsRefused) {
  constexpr int64_t kData = 24 * kMiB;
  int error = 0;
  ASSERT_EQ(used_->Fill("big", kData, error), kData);
  v1::VolumeRequest rest = RequestFor(kind(), "rest");
  const int64_t available = node().Available() / kMiB * kMiB;
  rest.mutable_capacity_range()->set_required_bytes(available);
  ASSERT_OK(node().Create(rest));
  EXPECT_THAT(node().Snapshot("s", volume_),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("pool-0")));
  EXPECT_THAT(node().Entries("snapshots"), IsEmpty());
  EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
}

// Without shared blocks.
class CopiedSnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({FilesystemType::kExt4}));
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(RequestFor(kind_, "source")));
    ASSERT_OK(WriteContent(*node_, volume_, "before"));
  }
  void ExpectRefused() {
    const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("would be no point in time; stop its pods"));
    EXPECT_THAT(node_->Snapshot("s", volume_), refused);
    EXPECT_THAT(node_->Create(RequestForCopy(kind_, "clone", volume_)), refused);
    EXPECT_THAT(node_->Entries("snapshots"), IsEmpty());
    EXPECT_THAT(node_->Entries(".nodevol/staging"), IsEmpty());
    EXPECT_EQ(node_->Statistics().promised_bytes, volume_->size_bytes());
  }

  const TestKind kind_ = Ext4OnExt4();
  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
};

TEST_F(CopiedSnapshotTest, VolumeInUseIsNotCopied) {
  ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(*node_, volume_));
  ExpectRefused();
  ASSERT_OK(used.Release());
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node_->Snapshot("s", volume_));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                       node_->Create(RequestForCopy(kind_, "restored", snapshot)));
  EXPECT_THAT(ReadContent(*node_, restored), IsOkAndHolds("before"));
}

TEST_F(CopiedSnapshotTest, VolumeThatIsUsedWithoutAMountIsNotCopied) {
  // A mount in another namespace, or one that was taken away lazily.
  ASSERT_OK_AND_ASSIGN(UniqueFd user, host::OpenPath(node_->PathOf(volume_) + "/image", O_RDWR));
  ExpectRefused();
  user.reset();
  EXPECT_OK(node_->Snapshot("s", volume_));
}

TEST_F(CopiedSnapshotTest, SnapshotIsCopiedWhileItsSourceIsUsed) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node_->Snapshot("s", volume_));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
  ASSERT_OK(used.Write("after"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                       node_->Create(RequestForCopy(kind_, "restored", snapshot)));
  EXPECT_THAT(ReadContent(*node_, restored), IsOkAndHolds("before"));
}

TEST_F(CopiedSnapshotTest, HolesStayHoles) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node_->Snapshot("s", volume_));
  ASSERT_OK_AND_ASSIGN(const host::FileInfo image,
                       host::InspectPath(node_->PathOf(snapshot) + "/image"));
  EXPECT_EQ(image.size_bytes, volume_->size_bytes());
  EXPECT_LT(image.allocated_bytes, volume_->size_bytes() / 2);
}

}  // namespace
}  // namespace nodevol::storage

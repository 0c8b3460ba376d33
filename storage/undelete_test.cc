// SPDX-License-Identifier: Apache-2.0
//
// Deleted volumes that are kept for a while, and what becomes of them.
#include <string>

#include "absl/time/clock.h"

#include "base/bytes.h"
#include "host/file.h"
#include "host/file_data.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::VolumeRequest KeptRequest(const TestKind& kind, const std::string& name,
                              const std::string& window = "1h") {
  v1::VolumeRequest request = RequestFor(kind, name);
  (*request.mutable_parameters())["undeleteWindow"] = window;
  return request;
}

class UndeleteTest : public KindTest {
 protected:
  absl::StatusOr<VolumePtr> Get(const VolumePtr& volume) {
    return node().storage().GetVolume(*VolumeId::Parse(volume->id()));
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, UndeleteTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(UndeleteTest, DeletedVolumeComesBackAsItWas) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(KeptRequest(kind(), "a")));
  ASSERT_OK(WriteContent(node(), volume, "content"));
  ASSERT_OK(node().Delete(volume));
  EXPECT_THAT(Get(volume), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(node().Delete(volume)) << "a second time";
  ASSERT_THAT(node().storage().DeletedVolumes(), SizeIs(1));
  EXPECT_EQ(node().storage().DeletedVolumes()[0].volume->id(), volume->id());
  ASSERT_OK(node().Undelete(volume));
  EXPECT_THAT(node().storage().DeletedVolumes(), IsEmpty());
  EXPECT_THAT(ReadContent(node(), volume), IsOkAndHolds("content"));
  EXPECT_EQ(node().Statistics().promised_bytes, volume->size_bytes());
  // The request that made it finds it, as if nothing had been.
  ASSERT_OK_AND_ASSIGN(const VolumePtr found, node().Create(KeptRequest(kind(), "a")));
  EXPECT_EQ(found->id(), volume->id());
}

TEST_P(UndeleteTest, RestartKeepsIt) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(KeptRequest(kind(), "a")));
  ASSERT_OK(WriteContent(node(), volume, "content"));
  ASSERT_OK(node().Delete(volume));
  const PoolStatistics before = node().Statistics();
  ASSERT_OK(node().Reopen());
  const PoolStatistics after = node().Statistics();
  EXPECT_EQ(after.kept_bytes, before.kept_bytes);
  EXPECT_EQ(after.kept_volumes, 1U);
  ASSERT_OK(node().Undelete(volume));
  EXPECT_THAT(ReadContent(node(), volume), IsOkAndHolds("content"));
}

TEST_P(UndeleteTest, WithoutAWindowThereIsNoWayBack) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK(node().Delete(volume));
  EXPECT_THAT(node().Undelete(volume),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("undeleteWindow")));
}

TEST_P(UndeleteTest, WindowThatIsOverEndsIt) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(KeptRequest(kind(), "a", "1s")));
  ASSERT_OK(node().Delete(volume));
  absl::SleepFor(absl::Milliseconds(1100));
  // The reaper looks once a minute, and after each delete.
  ASSERT_OK_AND_ASSIGN(const VolumePtr other, node().Create(RequestFor(kind(), "other")));
  ASSERT_OK(node().Delete(other));
  EXPECT_TRUE(node().TrashEmpties());
  EXPECT_THAT(node().Undelete(volume), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(node().Statistics().promised_bytes, 0);
}

TEST_P(UndeleteTest, NewVolumeOfTheNameIsNotOverwritten) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr first, node().Create(KeptRequest(kind(), "a")));
  ASSERT_OK(WriteContent(node(), first, "first"));
  ASSERT_OK(node().Delete(first));
  ASSERT_OK_AND_ASSIGN(const VolumePtr second, node().Create(KeptRequest(kind(), "a")));
  ASSERT_OK(WriteContent(node(), second, "second"));
  EXPECT_THAT(node().Undelete(first), StatusIs(absl::StatusCode::kAlreadyExists));
  // The one that was deleted last comes back first.
  ASSERT_OK(node().Delete(second));
  ASSERT_OK(node().Undelete(first));
  EXPECT_THAT(ReadContent(node(), second), IsOkAndHolds("second"));
  ASSERT_OK(node().Delete(second));
  EXPECT_THAT(node().storage().DeletedVolumes(), SizeIs(2));
}

TEST_P(UndeleteTest, ModifiedWindowIsTheOneThatHolds) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK(node().Modify(volume, "undeleteWindow", "2h"));
  ASSERT_OK(node().Delete(volume));
  ASSERT_THAT(node().storage().DeletedVolumes(), SizeIs(1));
  const DeletedVolume deleted = node().storage().DeletedVolumes()[0];
  EXPECT_EQ(deleted.until - deleted.deleted, absl::Hours(2));
}

// A pool of 1 GiB.
class TrashRoomTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({host::FilesystemType::kExt4}));
    for (const std::string name : {"a", "b", "c"}) {
      v1::VolumeRequest request = KeptRequest(Ext4OnExt4(), name);
      request.mutable_capacity_range()->set_required_bytes(200 * kMiB);
      ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(request));
      ASSERT_OK(node_->Delete(volume));
      kept_.push_back(volume);
    }
  }

  std::vector<std::string> Kept() {
    std::vector<std::string> names;
    for (const DeletedVolume& deleted : node_->storage().DeletedVolumes()) {
      names.push_back(deleted.volume->request().name());
    }
    return names;
  }

  std::unique_ptr<TestNode> node_;
  std::vector<VolumePtr> kept_;
};

TEST_F(TrashRoomTest, SpaceIsCountedShownAndOffered) {
  const PoolStatistics statistics = node_->Statistics();
  EXPECT_EQ(statistics.kept_volumes, 3U);
  EXPECT_EQ(statistics.kept_bytes, 600 * kMiB);
  EXPECT_EQ(statistics.promised_bytes, 600 * kMiB);
  EXPECT_GT(statistics.available_bytes, 800 * kMiB);
}

TEST_F(TrashRoomTest, FirstDeletedIsGivenUpFirstAndNoMoreThanNeeded) {
  EXPECT_THAT(Kept(), ElementsAre("a", "b", "c"));
  EXPECT_OK(node_->Create(RequestFor(Ext4OnExt4(), "small", 100 * kMiB)));
  EXPECT_THAT(Kept(), ElementsAre("a", "b", "c"));
  EXPECT_OK(node_->Create(RequestFor(Ext4OnExt4(), "large", 500 * kMiB)));
  EXPECT_THAT(Kept(), ElementsAre("c"));
  EXPECT_THAT(node_->Undelete(kept_[0]), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(node_->Undelete(kept_[2]));
}

TEST_F(TrashRoomTest, GrowthNeedsRoomToo) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume,
                       node_->Create(RequestFor(Ext4OnExt4(), "v", 200 * kMiB)));
  EXPECT_THAT(Kept(), ElementsAre("a", "b", "c"));
  ASSERT_OK(node_->Expand(volume, 500 * kMiB));
  EXPECT_THAT(Kept(), ElementsAre("b", "c"));
}

TEST_F(TrashRoomTest, VolumeThatNoRoomIsForLeavesTheTrashAlone) {
  EXPECT_THAT(node_->Create(RequestFor(Ext4OnExt4(), "huge", 2 * kGiB)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Kept(), ElementsAre("a", "b", "c"));
}

// What lives goes before what is dead.
TEST_F(TrashRoomTest, DiskThatFillsUpTakesIt) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr live,
                       node_->Create(RequestFor(Ext4OnExt4(), "live", 200 * kMiB)));
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, host::OpenPath(node_->disk().path(), O_RDONLY));
  ASSERT_OK_AND_ASSIGN(const UniqueFd foreign,
                       host::OpenBeneath(root.get(), "foreign", O_RDWR | O_CREAT, 0600));
  ASSERT_OK(host::Allocate(foreign.get(), 700 * kMiB, /*keep_size=*/false));
  EXPECT_TRUE(Eventually([&] { return Kept().empty(); }));
  EXPECT_OK(node_->storage().GetVolume(*VolumeId::Parse(live->id())));
}

}  // namespace
}  // namespace nodevol::storage

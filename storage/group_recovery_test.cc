// SPDX-License-Identifier: Apache-2.0
//
// What a start, and a pool that comes later, makes of group snapshots: members exist as long as the
// record of their group does, which may be in another pool.
#include <fcntl.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "host/filesystem.h"
#include "storage/group_test_util.h"
#include "storage/record_file.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

// Two pools, and a group with a member in each. The first volume is in the pool that has the
// record.
class GroupRecoveryTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    kind_ = GetParam() == FilesystemType::kBtrfs ? DirectoryOnBtrfs() : Ext4OnXfs();
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({GetParam(), GetParam()}));
    home_ = node_->PoolUuid(0) < node_->PoolUuid(1) ? 0 : 1;
    for (const size_t pool : {home_, 1 - home_}) {
      v1::VolumeRequest request = RequestFor(kind_, absl::StrCat("in-", pool));
      (*request.mutable_parameters())["pool"] = absl::StrCat("pool-", pool);
      ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(request));
      ASSERT_OK(WriteContent(*node_, volume, request.name()));
      volumes_.push_back(volume);
    }
    ASSERT_OK_AND_ASSIGN(group_, CreateGroup(*node_, "g", volumes_));
  }

  [[nodiscard]] size_t Away() const { return 1 - home_; }
  [[nodiscard]] SnapshotPtr MemberAt(size_t pool) const {
    return MemberOf(group_, volumes_[pool == home_ ? 0 : 1]);
  }
  [[nodiscard]] std::string GroupPath() const {
    return absl::StrCat(node_->disk(home_).path(), "/groups/", group_.group->id());
  }
  [[nodiscard]] std::string MemberPath(size_t pool) const {
    return node_->PathOf(MemberAt(pool), pool);
  }
  static void Damage(const std::string& object) {
    std::ofstream(object + "/record", std::ios::app) << "x";
  }
  template <typename Record>
  static void Rewrite(const std::string& object, const Record& record) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd fd, host::OpenPath(object, O_RDONLY | O_DIRECTORY));
    ASSERT_OK(ReplaceRecord(fd.get(), "record", record));
  }

  absl::StatusOr<SnapshotPtr> Get(const SnapshotPtr& member) {
    return node_->storage().GetSnapshot(*SnapshotId::Parse(member->id()));
  }
  void ExpectWhole() {
    ASSERT_OK_AND_ASSIGN(const GroupSnapshot whole, GetGroup(*node_, group_));
    EXPECT_EQ(MemberIds(whole), MemberIds(group_));
    EXPECT_THAT(ListedSnapshots(*node_), UnorderedElementsAreArray(MemberIds(group_)));
    ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                         node_->Create(RequestForCopy(kind_, "restored", MemberAt(Away()))));
    EXPECT_THAT(ReadContent(*node_, restored), IsOkAndHolds(volumes_[1]->request().name()));
    EXPECT_OK(node_->Delete(restored));
  }

  TestKind kind_;
  std::unique_ptr<TestNode> node_;
  size_t home_ = 0;
  std::vector<VolumePtr> volumes_;
  GroupSnapshot group_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, GroupRecoveryTest,
                         ::testing::Values(FilesystemType::kXfs, FilesystemType::kBtrfs),
                         PoolFilesystemName);

TEST_P(GroupRecoveryTest, GroupIsWholeAfterARestart) {
  ASSERT_OK(node_->Reopen());
  ExpectWhole();
  EXPECT_OK(DeleteGroup(*node_, group_));
  ExpectNoGroup(*node_, volumes_, 2);
}

// A create was cut short before its commit, or a delete after it.
TEST_P(GroupRecoveryTest, MembersWithoutTheirGroupAreRemoved) {
  node_->Close();
  std::filesystem::remove_all(GroupPath());
  ASSERT_OK(node_->Open());
  ExpectNoGroup(*node_, volumes_, 2);
  EXPECT_TRUE(node_->TrashEmpties(0));
  EXPECT_TRUE(node_->TrashEmpties(1));
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

TEST_P(GroupRecoveryTest, MemberThatItsGroupDoesNotKnowIsRemoved) {
  node_->Close();
  v1::GroupSnapshotRecord record = *group_.group;
  record.mutable_snapshot_ids()->Clear();
  record.add_snapshot_ids(MemberAt(home_)->id());
  Rewrite(GroupPath(), record);
  ASSERT_OK(node_->Open());
  EXPECT_THAT(ListedSnapshots(*node_), ElementsAre(MemberAt(home_)->id()));
  EXPECT_THAT(node_->Entries("snapshots", Away()), IsEmpty());
}

// What an operation ends with when the driver, which looks now and then whether it can decide, does
// not have the snapshot in hand.
template <typename Operation>
absl::Status WhenNotBusy(const Operation& operation) {
  absl::Status ended;
  EXPECT_TRUE(Eventually([&] {
    ended = operation();
    return !absl::IsAborted(ended);
  }));
  return ended;
}

TEST_P(GroupRecoveryTest, MembersWaitForTheirGroupsPool) {
  node_->Close();
  ASSERT_OK(node_->disk(home_).Unmount());
  ASSERT_OK(node_->Open());
  const auto undecided = StatusIs(absl::StatusCode::kUnavailable,
                                  AllOf(HasSubstr("is not known"), HasSubstr(group_.group->id())));
  EXPECT_THAT(Get(MemberAt(Away())), undecided);
  EXPECT_THAT(WhenNotBusy([&] { return node_->DeleteSnapshot(MemberAt(Away())); }), undecided);
  EXPECT_THAT(WhenNotBusy([&] {
                return node_->Create(RequestForCopy(kind_, "copy", MemberAt(Away()))).status();
              }),
              undecided);
  EXPECT_THAT(ListedSnapshots(*node_), IsEmpty());
  EXPECT_THAT(node_->Entries("snapshots", Away()), ElementsAre(MemberAt(Away())->id()));
  EXPECT_GT(node_->Statistics(Away()).promised_bytes, volumes_[1]->size_bytes());
  const auto unavailable = StatusIs(absl::StatusCode::kUnavailable);
  EXPECT_THAT(GetGroup(*node_, group_), unavailable);
  EXPECT_THAT(WhenNotBusy([&] { return DeleteGroup(*node_, group_); }), unavailable);
  EXPECT_THAT(WhenNotBusy([&] { return CreateGroup(*node_, "g", volumes_).status(); }),
              unavailable);
  ASSERT_OK(node_->disk(home_).Mount());
  ASSERT_TRUE(Eventually([&] { return ListedSnapshots(*node_).size() == 2; }));
  ExpectWhole();
}

TEST_P(GroupRecoveryTest, MembersOfAGroupWhosePoolComesWithoutItAreRemoved) {
  node_->Close();
  std::filesystem::remove_all(GroupPath());
  ASSERT_OK(node_->disk(home_).Unmount());
  ASSERT_OK(node_->Open());
  EXPECT_THAT(Get(MemberAt(Away())), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(node_->disk(home_).Mount());
  ASSERT_TRUE(Eventually([&] {
    return absl::IsNotFound(Get(MemberAt(Away())).status()) &&
           absl::IsNotFound(Get(MemberAt(home_)).status());
  }));
  ExpectNoGroup(*node_, volumes_, 2);
}

// The commit, or the delete, of a group failed with its disk; what was on it then is seen only when
// it is back.
TEST_P(GroupRecoveryTest, PoolThatReturnsWithoutTheGroupTakesItsMembersAlong) {
  std::filesystem::remove_all(GroupPath());
  ASSERT_EQ(::umount2(node_->disk(home_).path().c_str(), MNT_DETACH), 0);
  ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(node_->storage().CheckReady()); }));
  // While it is away nothing changes.
  EXPECT_OK(GetGroup(*node_, group_));
  EXPECT_OK(Get(MemberAt(Away())));
  EXPECT_THAT(DeleteGroup(*node_, group_), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(node_->disk(home_).Mount());
  ASSERT_TRUE(Eventually([&] { return absl::IsNotFound(Get(MemberAt(Away())).status()); }));
  ASSERT_TRUE(Eventually([&] { return node_->storage().CheckReady().ok(); }));
  ExpectNoGroup(*node_, volumes_, 2);
}

TEST_P(GroupRecoveryTest, PoolOfAMemberThatReturnsHasItStill) {
  ASSERT_EQ(::umount2(node_->disk(Away()).path().c_str(), MNT_DETACH), 0);
  ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(node_->storage().CheckReady()); }));
  EXPECT_THAT(DeleteGroup(*node_, group_), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(node_->disk(Away()).Mount());
  ASSERT_TRUE(Eventually([&] { return node_->storage().CheckReady().ok(); }));
  ExpectWhole();
}

TEST_P(GroupRecoveryTest, MembersOfADamagedGroupCanBeUsed) {
  node_->Close();
  Damage(GroupPath());
  ASSERT_OK(node_->Open());
  const auto damaged = StatusIs(absl::StatusCode::kInternal,
                                AllOf(HasSubstr(group_.group->id()), HasSubstr("damaged")));
  EXPECT_THAT(GetGroup(*node_, group_), damaged);
  EXPECT_THAT(CreateGroup(*node_, "g", volumes_), damaged);
  EXPECT_THAT(DeleteGroup(*node_, group_), damaged);
  EXPECT_EQ(node_->Statistics(home_).damaged, 1U);
  EXPECT_THAT(ListedSnapshots(*node_), UnorderedElementsAreArray(MemberIds(group_)));
  EXPECT_OK(node_->Create(RequestForCopy(kind_, "copy", MemberAt(Away()))));
}

TEST_P(GroupRecoveryTest, GroupWithADamagedMemberIsToldAndKept) {
  node_->Close();
  Damage(MemberPath(Away()));
  ASSERT_OK(node_->Open());
  const auto damaged = StatusIs(absl::StatusCode::kInternal, HasSubstr(MemberAt(Away())->id()));
  EXPECT_THAT(GetGroup(*node_, group_), damaged);
  EXPECT_THAT(CreateGroup(*node_, "g", volumes_), damaged);
  EXPECT_THAT(DeleteGroup(*node_, group_), damaged);
  EXPECT_THAT(ListedSnapshots(*node_), ElementsAre(MemberAt(home_)->id()));
  // An administrator takes it away; then the group can be deleted.
  node_->Close();
  std::filesystem::rename(MemberPath(Away()), node_->disk(Away()).path() + "/saved");
  ASSERT_OK(node_->Open());
  EXPECT_THAT(GetGroup(*node_, group_),
              StatusIs(absl::StatusCode::kInternal,
                       AllOf(HasSubstr(group_.group->id()), HasSubstr(MemberAt(Away())->id()))));
  EXPECT_OK(DeleteGroup(*node_, group_));
  ExpectNoGroup(*node_, volumes_, 2);
}

TEST_P(GroupRecoveryTest, MemberOfWhatIsNoGroupIsSetAside) {
  node_->Close();
  v1::SnapshotRecord record = *MemberAt(Away());
  record.set_group_snapshot_id("../x");
  Rewrite(MemberPath(Away()), record);
  ASSERT_OK(node_->Open());
  EXPECT_THAT(Get(MemberAt(Away())),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("no id of ours")));
  EXPECT_THAT(node_->Entries("snapshots", Away()), ElementsAre(MemberAt(Away())->id()));
}

TEST_P(GroupRecoveryTest, PoolOfADriverThatKnewNoGroupsIsMadeFit) {
  ASSERT_OK(DeleteGroup(*node_, group_));
  node_->Close();
  for (size_t pool = 0; pool < 2; ++pool) {
    ASSERT_TRUE(std::filesystem::remove(node_->disk(pool).path() + "/groups"));
  }
  ASSERT_OK(node_->Open());
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

// Killed at the wrong moment, the driver and what guards its freezes leave volumes frozen.
class FrozenVolumeTest : public KindTest {};

std::vector<TestKind> ImageKinds() {
  std::vector<TestKind> kinds = MountedKinds();
  std::erase_if(kinds, [](const TestKind& kind) { return kind.backend == "directory"; });
  return kinds;
}
INSTANTIATE_TEST_SUITE_P(Kinds, FrozenVolumeTest, ::testing::ValuesIn(ImageKinds()), KindName);

TEST_P(FrozenVolumeTest, StartThawsIt) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "volume")));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
  ASSERT_OK_AND_ASSIGN(UniqueFd root, host::OpenPath(used.path(), O_RDONLY | O_DIRECTORY));
  node().Close();
  ASSERT_OK(host::Freeze(root.get()));
  ASSERT_OK(node().Open());
  EXPECT_THAT(host::Thaw(root.get()), IsOkAndHolds(false));
  EXPECT_OK(used.Write("not frozen"));
}

}  // namespace
}  // namespace nodevol::storage

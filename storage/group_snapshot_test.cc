// SPDX-License-Identifier: Apache-2.0
//
// Group snapshots and their members, of volumes that nobody uses. Their instant is in
// group_instant_test.cc, what is refused in group_refusal_test.cc.
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/util/message_differencer.h"

#include "storage/group_test_util.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using google::protobuf::util::MessageDifferencer;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

class GroupSnapshotTest : public KindTest {
 protected:
  void SetUp() override {
    MakeNode(2 * kGiB);
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(a_, node().Create(RequestFor(kind(), "a")));
    ASSERT_OK_AND_ASSIGN(b_, node().Create(RequestFor(kind(), "b")));
    ASSERT_OK(WriteContent(node(), a_, "a before"));
    ASSERT_OK(WriteContent(node(), b_, "b before"));
  }

  void ExpectContent(const GroupSnapshot& group, const VolumePtr& source,
                     const std::string& content) {
    const std::string name = "restored-" + source->request().name();
    ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                         node().Create(RequestForCopy(kind(), name, MemberOf(group, source))));
    EXPECT_THAT(ReadContent(node(), restored), IsOkAndHolds(content));
  }

  VolumePtr a_;
  VolumePtr b_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, GroupSnapshotTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(GroupSnapshotTest, MembersHoldTheContentOfTheirMoment) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {a_, b_}));
  ASSERT_OK(WriteContent(node(), a_, "a after"));
  ASSERT_OK(WriteContent(node(), b_, "b after"));
  ExpectContent(group, a_, "a before");
  ExpectContent(group, b_, "b before");
  EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
}

TEST_P(GroupSnapshotTest, GroupAndMembersSayWhatTheyAre) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {a_, b_}));
  EXPECT_EQ(group.group->id(), GroupId::ForName(node().PoolUuid(), "g").text());
  EXPECT_THAT(group.group->snapshot_ids(), UnorderedElementsAreArray(MemberIds(group)));
  EXPECT_TRUE(group.group->has_created());
  for (const VolumePtr& volume : {a_, b_}) {
    const SnapshotPtr member = MemberOf(group, volume);
    EXPECT_EQ(member->group_snapshot_id(), group.group->id());
    EXPECT_EQ(member->size_bytes(), volume->size_bytes());
    EXPECT_TRUE(MessageDifferencer::Equals(member->created(), group.group->created()));
    EXPECT_EQ(member->id(), MemberId("g", *VolumeId::Parse(volume->id())).text());
    EXPECT_THAT(node().storage().GetSnapshot(*SnapshotId::Parse(member->id())),
                IsOkAndHolds(member));
  }
  EXPECT_THAT(ListedSnapshots(node()), UnorderedElementsAreArray(MemberIds(group)));
}

TEST_P(GroupSnapshotTest, SameRequestFindsTheSameGroup) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {a_, b_}));
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot again, CreateGroup(node(), "g", {b_, a_}));
  EXPECT_EQ(again.group, group.group);
  EXPECT_EQ(again.members, group.members);
  ASSERT_OK(node().Reopen());
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot reopened, CreateGroup(node(), "g", {b_, a_}));
  EXPECT_TRUE(MessageDifferencer::Equals(*reopened.group, *group.group));
  EXPECT_EQ(MemberIds(reopened), MemberIds(group));
  EXPECT_THAT(node().Entries("groups"), ElementsAre(group.group->id()));
  EXPECT_THAT(node().Entries("snapshots"), UnorderedElementsAreArray(MemberIds(group)));
}

TEST_P(GroupSnapshotTest, GroupOutlivesItsSources) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {a_, b_}));
  ASSERT_OK(node().Delete(a_));
  ASSERT_OK(node().Delete(b_));
  ASSERT_TRUE(node().TrashEmpties());
  ASSERT_OK(node().Reopen());
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot whole, GetGroup(node(), group));
  EXPECT_EQ(MemberIds(whole), MemberIds(group));
  ExpectContent(whole, a_, "a before");
}

TEST_P(GroupSnapshotTest, DeletedGroupIsGoneWithItsMembers) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {a_, b_}));
  EXPECT_GT(node().Statistics().promised_bytes, a_->size_bytes() + b_->size_bytes());
  ASSERT_OK(DeleteGroup(node(), group));
  ExpectNoGroup(node(), {a_, b_});
  EXPECT_THAT(GetGroup(node(), group), StatusIs(absl::StatusCode::kNotFound));
  for (const std::string& id : MemberIds(group)) {
    EXPECT_THAT(node().storage().GetSnapshot(*SnapshotId::Parse(id)),
                StatusIs(absl::StatusCode::kNotFound));
  }
  EXPECT_OK(DeleteGroup(node(), group));
  EXPECT_TRUE(node().TrashEmpties());
  ASSERT_OK(node().Reopen());
  ExpectNoGroup(node(), {a_, b_});
  EXPECT_THAT(ReadContent(node(), a_), IsOkAndHolds("a before"));
}

TEST_P(GroupSnapshotTest, RestoredVolumeOutlivesTheGroup) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {a_, b_}));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                       node().Create(RequestForCopy(kind(), "restored", MemberOf(group, b_))));
  ASSERT_OK(DeleteGroup(node(), group));
  ASSERT_TRUE(node().TrashEmpties());
  EXPECT_THAT(ReadContent(node(), restored), IsOkAndHolds("b before"));
}

TEST_P(GroupSnapshotTest, MemberIsNotDeletedAlone) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {a_, b_}));
  for (const SnapshotPtr& member : group.members) {
    EXPECT_THAT(node().DeleteSnapshot(member),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(member->id()), HasSubstr(group.group->id()))));
  }
  EXPECT_OK(GetGroup(node(), group));
}

TEST_P(GroupSnapshotTest, OtherMembersThanThoseOfTheGroupAreRefused) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {a_, b_}));
  const std::vector<std::string> members = MemberIds(group);
  const std::string stranger = SnapshotId::ForName(node().PoolUuid(), "other").text();
  EXPECT_THAT(DeleteGroup(node(), group, {members[0]}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(members[1])));
  EXPECT_THAT(DeleteGroup(node(), group, {members[0], members[1], stranger}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(stranger)));
  EXPECT_THAT(DeleteGroup(node(), group, {}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(GetGroup(node(), group));
  EXPECT_OK(DeleteGroup(node(), group, {members[1], members[0]}));
}

// The name of a group, of a snapshot and of a volume are different things.
TEST_P(GroupSnapshotTest, NameIsNoOthers) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "a", {a_, b_}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("a", a_));
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot second, CreateGroup(node(), "b", {a_, b_}));
  EXPECT_THAT(ListedSnapshots(node()), ::testing::SizeIs(5));
  EXPECT_OK(node().DeleteSnapshot(snapshot));
  EXPECT_OK(DeleteGroup(node(), second));
  EXPECT_OK(GetGroup(node(), group));
}

}  // namespace
}  // namespace nodevol::storage

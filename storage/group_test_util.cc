// SPDX-License-Identifier: Apache-2.0
#include "storage/group_test_util.h"

#include <utility>

#include "test/support/frozen_too_long.h"
#include "test/support/matchers.h"

namespace nodevol::storage {

v1::GroupSnapshotRequest GroupRequest(const std::string& name,
                                      const std::vector<VolumePtr>& volumes) {
  v1::GroupSnapshotRequest request;
  request.set_name(name);
  for (const VolumePtr& volume : volumes) request.add_source_volume_ids(volume->id());
  return request;
}

absl::StatusOr<GroupSnapshot> CreateGroup(TestNode& node, const v1::GroupSnapshotRequest& request,
                                          const OperationContext& context) {
  return Await<GroupSnapshot>([&](Callback<GroupSnapshot> done) {
    node.storage().CreateGroupSnapshot(context, request, std::move(done));
  });
}

absl::StatusOr<GroupSnapshot> CreateGroup(TestNode& node, const std::string& name,
                                          const std::vector<VolumePtr>& volumes) {
  absl::StatusOr<GroupSnapshot> group;
  do {
    group = CreateGroup(node, GroupRequest(name, volumes));
  } while (testing::WasFrozenTooLong(group.status()));
  return group;
}

absl::Status DeleteGroup(TestNode& node, const GroupSnapshot& group,
                         const std::vector<std::string>& snapshot_ids) {
  return Await<bool>([&](Callback<bool> done) {
           node.storage().DeleteGroupSnapshot({}, *GroupId::Parse(group.group->id()), snapshot_ids,
                                              AnsweringEmpty(std::move(done)));
         })
      .status();
}

absl::Status DeleteGroup(TestNode& node, const GroupSnapshot& group) {
  return DeleteGroup(node, group, MemberIds(group));
}

absl::StatusOr<GroupSnapshot> GetGroup(TestNode& node, const GroupSnapshot& group) {
  return node.storage().GetGroupSnapshot(*GroupId::Parse(group.group->id()));
}

std::vector<std::string> MemberIds(const GroupSnapshot& group) {
  std::vector<std::string> ids;
  for (const SnapshotPtr& member : group.members) ids.push_back(member->id());
  return ids;
}

SnapshotPtr MemberOf(const GroupSnapshot& group, const VolumePtr& volume) {
  for (const SnapshotPtr& member : group.members) {
    if (member->request().source_volume_id() == volume->id()) return member;
  }
  ADD_FAILURE() << "no member is of " << volume->id();
  return std::make_shared<v1::SnapshotRecord>();
}

std::vector<std::string> ListedSnapshots(TestNode& node) {
  std::vector<std::string> ids;
  for (const SnapshotPtr& snapshot : node.storage().ListSnapshots({}, "").entries) {
    ids.push_back(snapshot->id());
  }
  return ids;
}

void ExpectNoGroup(TestNode& node, const std::vector<VolumePtr>& volumes, size_t pools) {
  using ::testing::IsEmpty;
  int64_t promised = 0;
  int64_t expected = 0;
  for (size_t pool = 0; pool < pools; ++pool) {
    EXPECT_THAT(node.Entries("groups", pool), IsEmpty());
    EXPECT_THAT(node.Entries("snapshots", pool), IsEmpty());
    EXPECT_THAT(node.Entries(".nodevol/staging", pool), IsEmpty());
    promised += node.Statistics(pool).promised_bytes;
  }
  for (const VolumePtr& volume : volumes) expected += volume->size_bytes();
  EXPECT_EQ(promised, expected);
  EXPECT_THAT(ListedSnapshots(node), IsEmpty());
}

}  // namespace nodevol::storage

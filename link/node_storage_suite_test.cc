// SPDX-License-Identifier: Apache-2.0
//
// What every NodeStorage does, whether it is on this node or on another: the same tests with
// LocalStorage and with RemoteStorage, at the other end of a stream.
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "link/test_replica.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using storage::Await;
using storage::GroupSnapshot;
using storage::NodeStorage;
using storage::OperationContext;
using storage::SnapshotPtr;
using storage::TestKind;
using storage::VolumeId;
using storage::VolumePtr;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct SuiteCase {
  bool remote = false;
  TestKind kind;
};

std::vector<SuiteCase> AllCases() {
  std::vector<SuiteCase> cases;
  for (const bool remote : {false, true}) {
    for (const TestKind& kind :
         {storage::DirectoryOnBtrfs(), storage::Ext4OnXfs(), storage::BlockOnXfs()}) {
      cases.push_back({remote, kind});
    }
  }
  return cases;
}

std::string CaseName(const ::testing::TestParamInfo<SuiteCase>& info) {
  return absl::StrCat(info.param.remote ? "Remote" : "Local", info.param.kind.name);
}

class NodeStorageSuite : public ::testing::TestWithParam<SuiteCase> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, storage::TestNode::Create({storage::DiskFor(kind())}));
    if (!GetParam().remote) return;
    identity_.name = node_->storage().node_id();
    replica_ = std::make_unique<TestReplica>(identity_.name);
    pipe_ = replica_->Connect({identity_, node_->storage(), node_->storage(), board_});
    replica_->AwaitComplete();
  }

  [[nodiscard]] const TestKind& kind() const { return GetParam().kind; }
  NodeStorage& storage() {
    if (GetParam().remote) return replica_->storage();
    return node_->storage();
  }

  absl::StatusOr<VolumePtr> Create(const nodevol::v1::VolumeRequest& request,
                                   const OperationContext& context = {}) {
    return Await<VolumePtr>([&](Callback<VolumePtr> done) {
      storage().CreateVolume(context, request, std::move(done));
    });
  }
  absl::StatusOr<VolumePtr> Create(const std::string& name) {
    return Create(storage::RequestFor(kind(), name));
  }
  absl::Status AwaitStatus(const std::function<void(StatusCallback)>& call) {
    return Await<Nothing>([&](Callback<Nothing> done) {
             call([answer = std::move(done)](const absl::Status& status) mutable {
               std::move(answer)(status.ok() ? absl::StatusOr<Nothing>(Nothing{}) : status);
             });
           })
        .status();
  }
  absl::Status Delete(const std::string& id) {
    return AwaitStatus([&](StatusCallback done) {
      storage().DeleteVolume({}, *VolumeId::Parse(id), std::move(done));
    });
  }
  absl::StatusOr<SnapshotPtr> Snapshot(const std::string& name, const VolumePtr& source) {
    nodevol::v1::SnapshotRequest request;
    request.set_name(name);
    request.set_source_volume_id(source->id());
    return Await<SnapshotPtr>([&](Callback<SnapshotPtr> done) {
      storage().CreateSnapshot({}, request, std::move(done));
    });
  }
  absl::StatusOr<GroupSnapshot> Group(const std::string& name,
                                      const std::vector<VolumePtr>& volumes) {
    nodevol::v1::GroupSnapshotRequest request;
    request.set_name(name);
    for (const VolumePtr& volume : volumes) request.add_source_volume_ids(volume->id());
    return Await<GroupSnapshot>([&](Callback<GroupSnapshot> done) {
      storage().CreateGroupSnapshot({}, request, std::move(done));
    });
  }
  static VolumeId IdOf(const VolumePtr& volume) { return *VolumeId::Parse(volume->id()); }

  std::unique_ptr<storage::TestNode> node_;
  NodeIdentity identity_;
  ClaimBoard board_;
  std::unique_ptr<TestReplica> replica_;
  std::unique_ptr<TestPipe> pipe_;
};

INSTANTIATE_TEST_SUITE_P(Storages, NodeStorageSuite, ::testing::ValuesIn(AllCases()), CaseName);

TEST_P(NodeStorageSuite, WhatIsMadeIsThere) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a"));
  EXPECT_EQ(volume->request().name(), "a");
  EXPECT_GE(volume->size_bytes(), kind().bytes);
  ASSERT_OK_AND_ASSIGN(const VolumePtr found, storage().GetVolume(IdOf(volume)));
  EXPECT_EQ(found->SerializeAsString().size(), volume->SerializeAsString().size());
  ASSERT_NE(storage().FindVolume("a"), nullptr);
  EXPECT_EQ(storage().FindVolume("a")->id(), volume->id());
  EXPECT_EQ(storage().FindVolume("b"), nullptr);
  EXPECT_THAT(storage().ListVolumes({}).entries, SizeIs(1));
}

TEST_P(NodeStorageSuite, EqualRequestFindsWhatTheFirstHasMade) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr first, Create("a"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr second, Create("a"));
  EXPECT_EQ(first->id(), second->id());
  nodevol::v1::VolumeRequest other = storage::RequestFor(kind(), "a");
  (*other.mutable_parameters())["pool"] = "pool-0";
  EXPECT_THAT(Create(other), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("parameters")));
}

TEST_P(NodeStorageSuite, WhatIsDeletedIsGone) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a"));
  EXPECT_OK(Delete(volume->id()));
  EXPECT_THAT(storage().GetVolume(IdOf(volume)), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(storage().FindVolume("a"), nullptr);
  EXPECT_THAT(storage().ListVolumes({}).entries, IsEmpty());
  EXPECT_OK(Delete(volume->id()));
}

TEST_P(NodeStorageSuite, PoolOfAnotherNodeIsNoReasonToSayThatAVolumeIsGone) {
  const VolumeId other = VolumeId::ForName("0123456789abcdef0123456789abcdef", "a");
  EXPECT_THAT(storage().GetVolume(other), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Delete(other.text()), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(NodeStorageSuite, ErrorsKeepTheirCodeAndTheirWords) {
  nodevol::v1::VolumeRequest request = storage::RequestFor(kind(), "a");
  (*request.mutable_parameters())["colour"] = "blue";
  EXPECT_THAT(Create(request), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("colour")));
  request = storage::RequestFor(kind(), "a", int64_t{1} << 50);
  EXPECT_THAT(Create(request), StatusIs(absl::StatusCode::kResourceExhausted));
  request = storage::RequestFor(kind(), "a");
  request.mutable_content_source()->set_volume_id(
      VolumeId::ForName(node_->PoolUuid(), "nobody").text());
  EXPECT_THAT(Create(request), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(storage().FindVolume("a"), nullptr);
}

TEST_P(NodeStorageSuite, VolumeGrows) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a"));
  nodevol::v1::CapacityRange range;
  range.set_required_bytes(volume->size_bytes() * 2);
  ASSERT_OK_AND_ASSIGN(const storage::ExpandedVolume expanded,
                       Await<storage::ExpandedVolume>([&](auto done) {
                         storage().ExpandVolume({}, IdOf(volume), range, std::move(done));
                       }));
  EXPECT_EQ(expanded.volume->size_bytes(), range.required_bytes());
  ASSERT_OK_AND_ASSIGN(const VolumePtr found, storage().GetVolume(IdOf(volume)));
  EXPECT_EQ(found->size_bytes(), range.required_bytes());
}

TEST_P(NodeStorageSuite, VolumeIsModified) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a"));
  google::protobuf::Map<std::string, std::string> parameters;
  parameters["undeleteWindow"] = "1h";
  ASSERT_OK(Await<VolumePtr>(
      [&](auto done) { storage().ModifyVolume({}, IdOf(volume), parameters, std::move(done)); }));
  ASSERT_OK_AND_ASSIGN(const VolumePtr found, storage().GetVolume(IdOf(volume)));
  EXPECT_EQ(found->attributes().undelete_window_seconds(), 3600);
}

TEST_P(NodeStorageSuite, PublicationIsRecordedAndForgotten) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a"));
  nodevol::v1::ControllerPublication publication;
  publication.set_node_id(storage().node_id());
  *publication.mutable_capability() = volume->request().capabilities(0);
  ASSERT_OK(Await<VolumePtr>(
      [&](auto done) { storage().PublishVolume({}, IdOf(volume), publication, std::move(done)); }));
  EXPECT_TRUE((*storage().GetVolume(IdOf(volume)))->has_publication());
  EXPECT_THAT(Delete(volume->id()), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(AwaitStatus([&](StatusCallback done) {
    storage().UnpublishVolume({}, IdOf(volume), "", std::move(done));
  }));
  EXPECT_FALSE((*storage().GetVolume(IdOf(volume)))->has_publication());
}

TEST_P(NodeStorageSuite, SnapshotIsMadeListedRestoredAndDeleted) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr source, Create("a"));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Snapshot("s", source));
  const storage::SnapshotId id = *storage::SnapshotId::Parse(snapshot->id());
  EXPECT_OK(storage().GetSnapshot(id));
  EXPECT_THAT(storage().ListSnapshots({}, source->id()).entries, SizeIs(1));
  EXPECT_THAT(storage().ListSnapshots({}, "another").entries, IsEmpty());
  EXPECT_OK(Create(storage::RequestForCopy(kind(), "copy", snapshot)));
  EXPECT_OK(
      AwaitStatus([&](StatusCallback done) { storage().DeleteSnapshot({}, id, std::move(done)); }));
  EXPECT_THAT(storage().GetSnapshot(id), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(NodeStorageSuite, GroupIsMadeAndDeletedWithItsMembers) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr a, Create("a"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr b, Create("b"));
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, Group("g", {a, b}));
  ASSERT_THAT(group.members, SizeIs(2));
  const storage::GroupId id = *storage::GroupId::Parse(group.group->id());
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot found, storage().GetGroupSnapshot(id));
  ASSERT_THAT(found.members, SizeIs(2));
  EXPECT_EQ(found.members[1]->id(), group.members[1]->id());
  EXPECT_THAT(storage().ListSnapshots({}, "").entries, SizeIs(2));
  EXPECT_OK(AwaitStatus([&](StatusCallback done) {
    storage().DeleteGroupSnapshot({}, id, {group.members[0]->id(), group.members[1]->id()},
                                  std::move(done));
  }));
  EXPECT_THAT(storage().GetGroupSnapshot(id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(storage().ListSnapshots({}, "").entries, IsEmpty());
}

TEST_P(NodeStorageSuite, BlocksOfASnapshotAreListed) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr source, Create("a"));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Snapshot("s", source));
  const auto page = Await<storage::BlockPage>([&](auto done) {
    storage().ListBlocks({}, {.target = snapshot, .base = nullptr, .offset = 0, .limit = 1},
                         std::move(done));
  });
  if (kind().backend == "directory") {
    EXPECT_THAT(page, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("directory")));
  } else if (kind().block) {
    ASSERT_OK(page);
    EXPECT_THAT(page->ranges, IsEmpty());  // nothing was written
    EXPECT_FALSE(page->next_offset.has_value());
  } else {
    ASSERT_OK(page);
    EXPECT_THAT(page->ranges, SizeIs(1));
    EXPECT_TRUE(page->next_offset.has_value());
  }
}

TEST_P(NodeStorageSuite, CapacityShrinksWithEachVolume) {
  const storage::CapacityQuery query = {{}, {storage::RequestFor(kind(), "").capabilities(0)}};
  ASSERT_OK_AND_ASSIGN(const storage::Capacity before, storage().GetCapacity(query));
  EXPECT_GT(before.maximum_volume, 0);
  EXPECT_GT(before.minimum_volume, 0);
  ASSERT_OK(Create("a"));
  ASSERT_OK_AND_ASSIGN(const storage::Capacity after, storage().GetCapacity(query));
  EXPECT_LE(after.available, before.available - kind().bytes);
}

TEST_P(NodeStorageSuite, VolumesAreListedPageByPage) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK(Create(storage::RequestFor(kind(), absl::StrCat("v", i), 64 << 20)));
  }
  std::string after;
  size_t seen = 0;
  while (true) {
    const storage::Page<VolumePtr> page = storage().ListVolumes({.after = after, .limit = 2});
    for (const VolumePtr& volume : page.entries) {
      EXPECT_GT(volume->id(), after);
      after = volume->id();
      ++seen;
    }
    if (!page.more) break;
  }
  EXPECT_EQ(seen, 5U);
}

TEST_P(NodeStorageSuite, AbandonedCreateLeavesNothing) {
  EXPECT_THAT(Create(storage::RequestFor(kind(), "a"),
                     {.abandoned = [] { return true; }, .timeout = absl::ZeroDuration()}),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(storage().FindVolume("a"), nullptr);
  EXPECT_THAT(node_->Entries("volumes"), IsEmpty());
}

TEST_P(NodeStorageSuite, DamagedVolumeIsThereAndIll) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a"));
  const std::string record = node_->PathOf(volume) + "/record";
  pipe_.reset();
  if (replica_ != nullptr) replica_->AwaitGone();
  node_->Close();
  std::ofstream(record) << "nonsense";
  ASSERT_OK(node_->Open());
  if (replica_ != nullptr) {
    pipe_ = replica_->Connect({identity_, node_->storage(), node_->storage(), board_});
    replica_->AwaitComplete();
  }
  EXPECT_THAT(storage().GetVolume(IdOf(volume)),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("untouched")));
  ASSERT_OK_AND_ASSIGN(const storage::VolumeHealth health, storage().GetVolumeHealth(IdOf(volume)));
  ASSERT_THAT(health.conditions, SizeIs(1));
  EXPECT_EQ(health.conditions[0].reason, storage::kRecordDamaged);
  EXPECT_EQ(health.conditions[0].status, storage::HealthStatus::kInaccessible);
  EXPECT_THAT(storage().ListVolumeHealth({}).entries, SizeIs(1));
  EXPECT_THAT(storage().ListVolumes({}).entries, IsEmpty());
}

}  // namespace
}  // namespace nodevol::link

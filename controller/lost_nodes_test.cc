// SPDX-License-Identifier: Apache-2.0
//
// Nodes that are known to be gone for good: what can be done with what they had, and what becomes
// of it when they come back.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "controller/controller_handler.h"
#include "controller/test_cluster.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// An API server that answers what the test wants.
class FakeNodeObjects final : public kubernetes::NodeObjects {
 public:
  absl::StatusOr<std::vector<kubernetes::NodeObject>> List() override { return answer; }
  absl::StatusOr<std::vector<kubernetes::NodeObject>> answer;
};

class LostNodesTest : public ClusterTest {
 protected:
  void SetUp() override {
    // Gone when its object was absent twice.
    AddReplica(absl::ZeroDuration(), /*forget_node_after=*/absl::ZeroDuration());
    handler_.emplace(replica(), rpc::Topology("csi.nodevol.io"), /*health=*/true);
    AddNode("node-1", 1);
    AddNode("node-2", 2);
    ConnectAll();
    objects_.answer = Objects({"node-1", "node-2"});
    Look();
  }
  NodeRegistry& replica() { return *replicas_[0]; }
  TestNode& node() { return *nodes_[0]; }
  TestNode& other() { return *nodes_[1]; }

  static std::vector<kubernetes::NodeObject> Objects(const std::vector<std::string>& names) {
    std::vector<kubernetes::NodeObject> objects;
    for (const std::string& name : names) objects.push_back({name, absl::StrCat("uid of ", name)});
    return objects;
  }
  void Look() { EXPECT_OK(replica().LookAtNodeObjects(objects_)); }
  // The node goes, and its object.
  void Lose() {
    node().pipes.clear();
    objects_.answer = Objects({"node-2"});
    Look();
    Look();
  }
  void ComeBack() { ASSERT_NO_FATAL_FAILURE(ConnectWhole(node(), replica())); }

  void Make(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      ASSERT_OK(Create(replica(), Request(name), Only(node())));
    }
  }
  std::string IdOf(const std::string& name) { return node().disks.IdOf(name).text(); }

  template <typename In, typename Out>
  absl::Status Ask(void (ControllerHandler::*method)(const storage::OperationContext&, const In&,
                                                     Callback<Out>),
                   const In& request) {
    absl::Notification ended;
    absl::Status answer;
    ((*handler_).*method)({}, request, [&](const absl::StatusOr<Out>& response) {
      answer = response.status();
      ended.Notify();
    });
    ended.WaitForNotification();
    return answer;
  }
  absl::Status Delete(const std::string& name) {
    csi::v1::DeleteVolumeRequest request;
    request.set_volume_id(IdOf(name));
    return Ask(&ControllerHandler::DeleteVolume, request);
  }
  std::set<std::string> Listed() {
    std::set<std::string> ids;
    for (const auto& entry : replica().ListVolumes({}).entries) ids.insert(entry.object->id());
    return ids;
  }
  // Lets the replica send what it has to until the volume is no more there.
  bool IsDeletedThere(const std::string& name) {
    return Eventually([&] {
      replica().Tend();
      return node().disks.FindVolume(name) == nullptr && replica().counts().buried == 0;
    });
  }

  FakeNodeObjects objects_;
  std::optional<ControllerHandler> handler_;
};

TEST_F(LostNodesTest, NodeWhoseObjectIsThereIsOnlyAway) {
  Make({"a"});
  node().pipes.clear();
  for (int i = 0; i < 3; ++i) Look();
  EXPECT_THAT(Delete("a"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Listed(), ElementsAre(IdOf("a")));
}

TEST_F(LostNodesTest, ApiServerThatDoesNotAnswerMakesNobodyGone) {
  Make({"a"});
  node().pipes.clear();
  objects_.answer = absl::UnavailableError("no answer");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(replica().LookAtNodeObjects(objects_), StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_THAT(Delete("a"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LostNodesTest, NodeWithAStreamIsNotGone) {
  Make({"a"});
  objects_.answer = Objects({});
  for (int i = 0; i < 3; ++i) Look();
  EXPECT_OK(Delete("a"));
  EXPECT_EQ(node().disks.FindVolume("a"), nullptr);
}

TEST_F(LostNodesTest, VolumeIsDeletedAtOnceAndOnItsNodeWhenThatIsBack) {
  Make({"a", "b"});
  Lose();
  EXPECT_OK(Delete("a"));
  EXPECT_OK(Delete("a"));
  EXPECT_EQ(replica().counts().buried, 1U);
  EXPECT_NE(node().disks.FindVolume("a"), nullptr);
  replica().Tend();
  ComeBack();
  EXPECT_TRUE(IsDeletedThere("a"));
  EXPECT_NE(node().disks.FindVolume("b"), nullptr);
  EXPECT_THAT(Listed(), ElementsAre(IdOf("b")));
  EXPECT_OK(Delete("b"));
  EXPECT_EQ(node().disks.FindVolume("b"), nullptr);
}

TEST_F(LostNodesTest, WhatIsDeletedIsShownToNobody) {
  Make({"a", "b"});
  Lose();
  ASSERT_OK(Delete("a"));
  for (const bool is_back : {false, true}) {
    if (is_back) ComeBack();
    EXPECT_THAT(Listed(), ElementsAre(IdOf("b"))) << is_back;
    EXPECT_THAT(replica().NodeToAsk(IdOf("a")), StatusIs(absl::StatusCode::kNotFound)) << is_back;
    EXPECT_THAT(replica().NodeToChange(IdOf("a")), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(replica().GetVolumeHealth(node().disks.IdOf("a")),
                StatusIs(absl::StatusCode::kNotFound));
    EXPECT_OK(replica().NodeToAsk(IdOf("b")));
    EXPECT_OK(Delete("a"));
  }
  EXPECT_NE(node().disks.FindVolume("a"), nullptr);
}

TEST_F(LostNodesTest, PagesLeaveOutWhatIsDeleted) {
  std::set<std::string> kept;
  for (int i = 0; i < 12; ++i) {
    const std::string name = absl::StrCat("v", i);
    Make({name});
    if (i % 3 == 0) kept.insert(IdOf(name));
  }
  ASSERT_OK(Create(replica(), Request("elsewhere"), Only(other())));
  kept.insert(other().disks.IdOf("elsewhere").text());
  Lose();
  for (int i = 0; i < 12; ++i) {
    if (i % 3 == 0) continue;
    ASSERT_OK(Delete(absl::StrCat("v", i)));
  }
  for (size_t limit = 1; limit <= 14; ++limit) {
    std::set<std::string> seen;
    std::string after;
    bool more = true;
    while (more) {
      const auto page = replica().ListVolumes({.after = after, .limit = limit});
      more = page.more;
      ASSERT_LE(page.entries.size(), limit);
      ASSERT_TRUE(!more || page.entries.size() == limit);
      for (const auto& entry : page.entries) {
        EXPECT_GT(entry.object->id(), after);
        after = entry.object->id();
        seen.insert(after);
      }
    }
    EXPECT_EQ(seen, kept) << limit;
  }
}

TEST_F(LostNodesTest, VolumeThatIsInUseIsDeletedWhenItIsNotAnyMore) {
  Make({"a"});
  Lose();
  ASSERT_OK(Delete("a"));
  node().disks.RefuseDeletes(absl::FailedPreconditionError("it is mounted"));
  ComeBack();
  EXPECT_TRUE(Eventually([&] {
    replica().Tend();
    return node().disks.refused() >= 3;
  }));
  EXPECT_EQ(replica().counts().buried, 1U);
  EXPECT_THAT(Listed(), IsEmpty());
  node().disks.RefuseDeletes(absl::OkStatus());
  EXPECT_TRUE(IsDeletedThere("a"));
}

TEST_F(LostNodesTest, VolumeThatWasPublishedThereIsUnpublishedFirst) {
  Make({"a"});
  csi::v1::ControllerPublishVolumeRequest publish;
  publish.set_volume_id(IdOf("a"));
  publish.set_node_id("node-1");
  publish.mutable_volume_capability()->mutable_mount();
  publish.mutable_volume_capability()->mutable_access_mode()->set_mode(
      csi::v1::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
  ASSERT_OK(Ask(&ControllerHandler::PublishVolume, publish));
  ASSERT_TRUE((*node().disks.GetVolume(node().disks.IdOf("a")))->has_publication());
  Lose();
  csi::v1::ControllerUnpublishVolumeRequest unpublish;
  unpublish.set_volume_id(IdOf("a"));
  unpublish.set_node_id("node-1");
  EXPECT_OK(Ask(&ControllerHandler::UnpublishVolume, unpublish));
  ASSERT_OK(Delete("a"));
  node().disks.RefuseDeletes(absl::FailedPreconditionError("seen"));
  ComeBack();
  EXPECT_TRUE(Eventually([&] {
    replica().Tend();
    return node().disks.refused() > 0;
  }));
  EXPECT_FALSE((*node().disks.GetVolume(node().disks.IdOf("a")))->has_publication());
}

TEST_F(LostNodesTest, NameIsNotMadeAnewWhereTheOldOneIsStillToBeDeleted) {
  AddReplica();  // which knows of nothing
  Make({"a"});
  Lose();
  ASSERT_OK(Delete("a"));
  ComeBack();
  EXPECT_THAT(replica().PlaceVolume(Request("a"), Only(node())),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("was deleted")));
  node().disks.Erase("a");  // the other replica has it deleted, and wants another
  ASSERT_NO_FATAL_FAILURE(ConnectWhole(node(), *replicas_[1]));
  EXPECT_THAT(Create(*replicas_[1], Request("a"), Only(node())),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("was deleted")));
  ASSERT_TRUE(IsDeletedThere("a"));
  EXPECT_OK(Create(*replicas_[1], Request("a"), Only(node())));
}

TEST_F(LostNodesTest, AnotherVolumeOfTheSameIdIsKept) {
  Make({"a"});
  Lose();
  ASSERT_OK(Delete("a"));
  node().disks.Erase("a");
  node().disks.Put("a");
  ComeBack();
  EXPECT_TRUE(Eventually([&] {
    replica().Tend();
    return replica().counts().buried == 0;
  }));
  EXPECT_NE(node().disks.FindVolume("a"), nullptr);
  EXPECT_THAT(Listed(), ElementsAre(IdOf("a")));
  ASSERT_OK_AND_ASSIGN(const Place place, replica().PlaceVolume(Request("a"), {}));
  EXPECT_EQ(place.node->node_id(), "node-1");
}

TEST_F(LostNodesTest, VolumeThatTheReplicaHasNeverSeenIsAnOrphan) {
  Make({"a"});
  node().pipes.clear();
  node().disks.Put("unseen");  // by another replica
  Lose();
  EXPECT_OK(Delete("unseen"));
  EXPECT_EQ(replica().counts().buried, 0U);
  ComeBack();
  replica().Tend();
  EXPECT_NE(node().disks.FindVolume("unseen"), nullptr);
  EXPECT_TRUE(Listed().contains(IdOf("unseen")));
}

TEST_F(LostNodesTest, SnapshotIsDeletedLikeAVolume) {
  Make({"a"});
  csi::v1::CreateSnapshotRequest create;
  create.set_name("s");
  create.set_source_volume_id(IdOf("a"));
  ASSERT_OK(Ask(&ControllerHandler::CreateSnapshot, create));
  Lose();
  ASSERT_THAT(replica().ListSnapshots({}, "").entries, SizeIs(1));
  const storage::SnapshotId id = storage::SnapshotId::ForName(Uuid(1), "s");
  csi::v1::DeleteSnapshotRequest deletion;
  deletion.set_snapshot_id(id.text());
  EXPECT_OK(Ask(&ControllerHandler::DeleteSnapshot, deletion));
  EXPECT_THAT(replica().ListSnapshots({}, "").entries, IsEmpty());
  EXPECT_OK(node().disks.GetSnapshot(id));
  ComeBack();
  EXPECT_TRUE(Eventually([&] {
    replica().Tend();
    return replica().counts().buried == 0;
  }));
  EXPECT_THAT(node().disks.GetSnapshot(id), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LostNodesTest, WhatWasThereIsShownAndIllAndCanNotBeChanged) {
  Make({"a"});
  Lose();
  EXPECT_THAT(Listed(), ElementsAre(IdOf("a")));
  const auto is_lost = StatusIs(absl::StatusCode::kNotFound,
                                ::testing::AllOf(HasSubstr("node-1"), HasSubstr("Node object")));
  EXPECT_THAT(replica().NodeToChange(IdOf("a")), is_lost);
  csi::v1::ControllerExpandVolumeRequest expand;
  expand.set_volume_id(IdOf("a"));
  expand.mutable_capacity_range()->set_required_bytes(2 * kGiB);
  EXPECT_THAT(Ask(&ControllerHandler::ExpandVolume, expand), is_lost);
  v1::VolumeRequest copy = Request("copy");
  copy.mutable_content_source()->set_volume_id(IdOf("a"));
  EXPECT_THAT(Create(replica(), copy), is_lost);
  v1::SnapshotRequest snapshot;
  snapshot.set_name("s");
  snapshot.set_source_volume_id(IdOf("a"));
  EXPECT_THAT(replica().PlaceSnapshot(snapshot), is_lost);

  ASSERT_OK_AND_ASSIGN(const storage::VolumeHealth health,
                       replica().GetVolumeHealth(node().disks.IdOf("a")));
  ASSERT_THAT(health.conditions, SizeIs(1));
  EXPECT_EQ(health.conditions[0].reason, "NodeDeleted");
  EXPECT_EQ(health.conditions[0].status, storage::HealthStatus::kInaccessible);
  EXPECT_THAT(replica().ListVolumeHealth({}).entries, SizeIs(1));
}

TEST_F(LostNodesTest, NodeThatConnectsAgainIsAsBefore) {
  Make({"a"});
  Lose();
  ComeBack();
  Look();
  Look();
  EXPECT_OK(replica().NodeToChange(IdOf("a")));
  EXPECT_THAT(replica().ListVolumeHealth({}).entries, IsEmpty());
  EXPECT_THAT(Create(replica(), Request("a")), IsOkAndHolds("node-1"));
}

TEST_F(LostNodesTest, NameThatWasOrMayBeThereIsMadeElsewhere) {
  Make({"was"});
  std::shared_ptr<Call> call;
  ASSERT_NO_FATAL_FAILURE(BeginHeld(replica(), node(), "may be", &call));
  node().pipes.clear();
  EXPECT_THAT(call->Await(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Create(replica(), Request("may be"), Only(other())),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Create(replica(), Request("was"), Only(other())),
              StatusIs(absl::StatusCode::kAlreadyExists));
  Lose();
  EXPECT_OK(Create(replica(), Request("may be"), Only(other())));
  EXPECT_OK(Create(replica(), Request("was"), Only(other())));
  node().disks.LetGo();
}

TEST_F(LostNodesTest, DiskThatWasMovedIsOfTheNodeThatHasItNow) {
  Make({"a", "b"});
  Lose();
  ASSERT_OK(Delete("a"));
  TestNode& heir = AddNode("node-3", 1);
  heir.disks.Put("b");
  ASSERT_NO_FATAL_FAILURE(ConnectWhole(heir, replica()));
  ASSERT_OK_AND_ASSIGN(const NodePtr owner, replica().NodeToChange(IdOf("b")));
  EXPECT_EQ(owner->node_id(), "node-3");
  ASSERT_THAT(replica().ListVolumes({}).entries, SizeIs(1));
  EXPECT_EQ(replica().ListVolumes({}).entries[0].node_id, "node-3");
  // And what is to be deleted on it is.
  EXPECT_TRUE(Eventually([&] {
    replica().Tend();
    return replica().counts().buried == 0;
  }));
}

}  // namespace
}  // namespace nodevol::controller

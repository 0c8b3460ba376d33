// SPDX-License-Identifier: Apache-2.0
//
// What controller replicas know of many nodes, and where they have things made.
#include "controller/node_registry.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "controller/test_cluster.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NodeRegistryTest : public ClusterTest {};

TEST_F(NodeRegistryTest, VolumeGoesToTheNodeThatIsPreferred) {
  NodeRegistry& replica = AddReplica();
  for (int i = 1; i <= 3; ++i) AddNode(absl::StrCat("node-", i), i);
  ConnectAll();
  for (const char* node : {"node-2", "node-3", "node-1"}) {
    EXPECT_THAT(Create(replica, Request(absl::StrCat("on-", node)),
                       {{"node-1", "node-2", "node-3"}, {node, "node-1"}}),
                nodevol::testing::IsOkAndHolds(node));
  }
}

TEST_F(NodeRegistryTest, WithoutTopologyItGoesWhereThereIsMostRoom) {
  NodeRegistry& replica = AddReplica();
  AddNode("node-1", 1, 10 * kGiB);
  AddNode("node-2", 2, 30 * kGiB);
  AddNode("node-3", 3, 20 * kGiB);
  ConnectAll();
  EXPECT_THAT(Create(replica, Request("a", 15 * kGiB)), nodevol::testing::IsOkAndHolds("node-2"));
  EXPECT_THAT(Create(replica, Request("b", 15 * kGiB)), nodevol::testing::IsOkAndHolds("node-3"));
  EXPECT_THAT(Create(replica, Request("c", 16 * kGiB)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Create(replica, Request("d"), {{"node-1", "node-3"}, {}}),
              nodevol::testing::IsOkAndHolds("node-1"));
}

TEST_F(NodeRegistryTest, CopyGoesToTheNodeOfItsSource) {
  NodeRegistry& replica = AddReplica();
  AddNode("node-1", 1, 10 * kGiB);
  AddNode("node-2", 2, 30 * kGiB);
  ConnectAll();
  ASSERT_OK(Create(replica, Request("source"), Only(*nodes_[0])));
  v1::VolumeRequest copy = Request("copy");
  copy.mutable_content_source()->set_volume_id(nodes_[0]->disks.IdOf("source").text());
  // The scheduler prefers another, but allows this.
  EXPECT_THAT(Create(replica, copy, {{"node-1", "node-2"}, {"node-2"}}),
              nodevol::testing::IsOkAndHolds("node-1"));
  v1::VolumeRequest elsewhere = copy;
  elsewhere.set_name("elsewhere");
  EXPECT_THAT(Create(replica, elsewhere, {{"node-2"}, {"node-2"}}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("node-1")));
}

TEST_F(NodeRegistryTest, NameThatExistsIsFoundWhereItIs) {
  NodeRegistry& replica = AddReplica();
  AddNode("node-1", 1, 10 * kGiB);
  AddNode("node-2", 2, 30 * kGiB);
  ConnectAll();
  ASSERT_OK(Create(replica, Request("a"), Only(*nodes_[0])));
  EXPECT_THAT(Create(replica, Request("a")), nodevol::testing::IsOkAndHolds("node-1"));
  EXPECT_THAT(Create(replica, Request("a"), {{"node-1", "node-2"}, {"node-2"}}),
              nodevol::testing::IsOkAndHolds("node-1"));
  EXPECT_THAT(Create(replica, Request("a"), Only(*nodes_[1])),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("node-1")));
  EXPECT_EQ(Copies("a"), 1U);
}

TEST_F(NodeRegistryTest, NodeThatIsAwayIsNoPlaceButGoesOnAnswering) {
  NodeRegistry& replica = AddReplica();
  TestNode& node = AddNode("node-1", 1);
  ConnectAll();
  ASSERT_OK(Create(replica, Request("a"), Only(node)));
  node.pipes.clear();
  EXPECT_THAT(Create(replica, Request("b"), Only(node)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("not connected")));
  EXPECT_THAT(Create(replica, Request("b")), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Create(replica, Request("a"), Only(node)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("node-1")));
  EXPECT_THAT(replica.ListVolumes({}).entries, SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const NodePtr asked, replica.NodeToAsk(Uuid(1)));
  EXPECT_OK(asked->GetVolume(node.disks.IdOf("a")));
  EXPECT_EQ(replica.GetCapacity("node-1", {})->available, 0);
  ConnectWhole(node, replica);
  EXPECT_OK(Create(replica, Request("b"), Only(node)));
}

TEST_F(NodeRegistryTest, PoolThatNobodyHasToldOfIsNotSaidToBeGone) {
  NodeRegistry& replica = AddReplica();
  EXPECT_THAT(replica.NodeToAsk(Uuid(9)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(replica.NodeToChange(Uuid(9)), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(NodeRegistryTest, PoolAtTwoNodesIsNotChangedAndBothAreNamed) {
  NodeRegistry& replica = AddReplica();
  AddNode("node-1", 1);
  ConnectAll();
  ASSERT_OK(Create(replica, Request("a")));
  TestNode& twin = AddNode("node-2", 1);
  twin.disks.Put("a");
  Connect(twin, replica);
  ASSERT_TRUE(Eventually([&] { return !replica.NodeToChange(Uuid(1)).ok(); }));
  EXPECT_THAT(
      replica.NodeToChange(Uuid(1)),
      StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("node-1"), HasSubstr("node-2"))));
  EXPECT_OK(replica.NodeToAsk(Uuid(1)));
  EXPECT_THAT(Create(replica, Request("a")), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(replica.ListVolumes({}).entries, SizeIs(1));
}

TEST_F(NodeRegistryTest, SecondLiveStreamOfANodeIsRefused) {
  NodeRegistry& replica = AddReplica();
  TestNode& node = AddNode("node-1", 1);
  ConnectAll();
  TestNode other("node-1", Uuid(1), kGiB, /*epoch=*/1, "another process");
  link::TestPipe& second = Connect(other, replica);
  ASSERT_TRUE(Eventually([&] { return !second.ended().ok(); }));
  EXPECT_THAT(second.ended(), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("node-1")));
  EXPECT_OK(node.pipes.front()->ended());
  EXPECT_OK(Create(replica, Request("a"), Only(node)));
}

TEST_F(NodeRegistryTest, SameProcessMayComeBackBeforeItsOldStreamIsMissed) {
  NodeRegistry& replica = AddReplica();
  TestNode& node = AddNode("node-1", 1);
  ConnectAll();
  Connect(node, replica);
  EXPECT_TRUE(Eventually([&] { return !node.pipes.front()->ended().ok(); }));
  EXPECT_TRUE(Eventually([&] { return Create(replica, Request("a"), Only(node)).ok(); }));
  EXPECT_OK(node.pipes.back()->ended());
}

TEST_F(NodeRegistryTest, ProcessThatHasOpenedThePoolLaterTakesOver) {
  NodeRegistry& replica = AddReplica();
  TestNode& before = AddNode("node-1", 1);
  ConnectAll();
  nodes_.push_back(std::make_unique<TestNode>("node-1", Uuid(1), 100 * kGiB, /*epoch=*/2, "later"));
  TestNode& after = *nodes_.back();
  Connect(after, replica);
  EXPECT_TRUE(Eventually([&] { return !before.pipes.front()->ended().ok(); }));
  EXPECT_TRUE(Eventually([&] { return Create(replica, Request("a"), Only(after)).ok(); }));
  EXPECT_NE(after.disks.FindVolume("a"), nullptr);
  EXPECT_EQ(before.disks.FindVolume("a"), nullptr);
  // And the one before does not come back.
  link::TestPipe& late = Connect(before, replica);
  EXPECT_TRUE(Eventually([&] { return !late.ended().ok(); }));
}

TEST_F(NodeRegistryTest, NodeOfAnotherDriverIsRefused) {
  NodeRegistry& replica = AddReplica();
  TestNode& node = AddNode("node-1", 1);
  const link::NodeIdentity other = {
      "node-1", {{"topology.other.driver/node", "node-1"}}, "test", "one"};
  auto session = std::make_shared<link::NodeSession>(
      link::NodeSession::Node{other, node.disks, node.disks, node.board});
  auto controller = std::make_shared<link::ControllerSession>("node-1", "test", replica);
  const auto pipe = link::TestPipe::Connect(session, controller, {});
  ASSERT_TRUE(Eventually([&] { return !pipe->ended().ok(); }));
  EXPECT_THAT(pipe->ended(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--driver-name")));
}

TEST_F(NodeRegistryTest, YoungReplicaDoesNotChooseForANameThatItDoesNotKnow) {
  NodeRegistry& replica = AddReplica(absl::Hours(1));
  TestNode& node = AddNode("node-1", 1);
  ConnectAll();
  EXPECT_THAT(Create(replica, Request("a")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("retry")));
  EXPECT_THAT(Create(replica, Request("a"), {.requisite = {"node-1", "node-2"}, .preferred = {}}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("retry")))
      << "node-2 may have it";
  EXPECT_OK(Create(replica, Request("a"), Only(node)));
  EXPECT_OK(Create(replica, Request("a")));
}

TEST_F(NodeRegistryTest, NameIsFoundWhileItsPoolIsStillBeingTold) {
  NodeRegistry& replica = AddReplica();
  TestNode& node = AddNode("node-1", 1);
  TestNode& other = AddNode("node-2", 2);
  for (int i = 0; i < 600; ++i) node.disks.Put(absl::StrCat("v", i));
  const std::string first =
      node.disks.ListVolumes({.after = "", .limit = 1}).entries.front()->request().name();
  ConnectWhole(other, replica);
  absl::Notification told;
  absl::Notification go_on;
  Connect(node, replica, {.from_node = [&](link::v1::NodeMessage& message) {
            if (message.inventory().end_pool().empty() || told.HasBeenNotified()) return;
            told.Notify();
            go_on.WaitForNotification();
          }});
  told.WaitForNotification();
  EXPECT_THAT(Create(replica, Request(first), Only(other)),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("node-1")));
  go_on.Notify();
  EXPECT_TRUE(Eventually([&] { return replica.PlaceVolume(Request("probe"), Only(node)).ok(); }));
  EXPECT_THAT(Create(replica, Request(first), Only(other)),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("node-1")));
  node.pipes.clear();
}

TEST_F(NodeRegistryTest, NameInAPoolThatIsNotOpenYetIsMadeNowhereElse) {
  NodeRegistry& replica = AddReplica();
  TestNode& node = AddNode("node-1", 1);
  TestNode& other = AddNode("node-2", 2);
  ConnectAll();
  ASSERT_OK(Create(replica, Request("a"), Only(node)));
  node.pipes.clear();
  node.disks.SetClosed();
  Connect(node, replica);
  ASSERT_TRUE(Eventually([&] { return !replica.NodeToAsk(Uuid(1)).ok(); }));
  replica.Tend();  // sweeps names
  EXPECT_THAT(Create(replica, Request("a"), Only(other)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(Uuid(1))));
  EXPECT_OK(Create(replica, Request("b"), Only(other)));
  node.disks.Open();
  EXPECT_TRUE(Eventually(
      [&] { return Create(replica, Request("a"), {{"node-1", "node-2"}, {"node-2"}}).ok(); }));
  EXPECT_EQ(Copies("a"), 1U);
}

TEST_F(NodeRegistryTest, NamesAreSweptWhenThereAreTwiceAsMany) {
  NodeRegistry& replica = AddReplica();
  TestNode& node = AddNode("node-1", 1);
  const auto put = [&node](int from, int to) {
    for (int i = from; i < to; ++i) node.disks.Put(absl::StrCat("v", i));
  };
  put(0, 100);
  ConnectAll();
  replica.Tend();
  EXPECT_EQ(replica.counts().names, 100U);
  for (int i = 0; i < 50; ++i) node.disks.Erase(absl::StrCat("v", i));
  put(100, 200);
  const auto await = [&replica](size_t volumes, size_t names) {
    return Eventually([&] {
      return replica.ListVolumes({}).entries.size() == volumes && replica.counts().names == names;
    });
  };
  ASSERT_TRUE(await(150, 200));
  replica.Tend();
  EXPECT_EQ(replica.counts().names, 200U) << "too early";
  put(200, 201);
  ASSERT_TRUE(await(151, 201));
  replica.Tend();
  EXPECT_EQ(replica.counts().names, 151U);
}

TEST_F(NodeRegistryTest, ListsGoThroughAllNodesPageByPage) {
  NodeRegistry& replica = AddReplica();
  for (int i = 1; i <= 4; ++i) AddNode(absl::StrCat("node-", i), i);
  std::map<std::string, std::string> node_of;
  for (const auto& node : nodes_) {
    if (node->identity.name == "node-2") continue;  // one that has nothing
    for (int i = 0; i < 5; ++i) {
      const std::string name = absl::StrCat(node->identity.name, "-", i);
      node->disks.Put(name);
      node_of[node->disks.IdOf(name).text()] = node->identity.name;
    }
  }
  ConnectAll();
  for (size_t limit = 1; limit <= node_of.size() + 1; ++limit) {
    std::map<std::string, std::string> seen;
    std::string after;
    while (true) {
      const auto page = replica.ListVolumes({.after = after, .limit = limit});
      EXPECT_LE(page.entries.size(), limit);
      for (const auto& entry : page.entries) {
        EXPECT_GT(entry.object->id(), after);
        after = entry.object->id();
        seen[after] = entry.node_id;
      }
      if (!page.more) break;
      ASSERT_THAT(page.entries, SizeIs(limit));
    }
    EXPECT_EQ(seen, node_of) << limit;
  }
  EXPECT_THAT(replica.ListVolumes({}).entries, SizeIs(node_of.size()));
  EXPECT_THAT(replica.ListVolumes({.after = "zz"}).entries, IsEmpty());
}

TEST_F(NodeRegistryTest, GroupOfSeveralNodesIsRefused) {
  NodeRegistry& replica = AddReplica();
  AddNode("node-1", 1);
  AddNode("node-2", 2);
  ConnectAll();
  ASSERT_OK(Create(replica, Request("a"), Only(*nodes_[0])));
  ASSERT_OK(Create(replica, Request("b"), Only(*nodes_[1])));
  v1::GroupSnapshotRequest request;
  request.set_name("g");
  request.add_source_volume_ids(nodes_[0]->disks.IdOf("a").text());
  EXPECT_OK(replica.PlaceGroup(request));
  request.add_source_volume_ids(nodes_[1]->disks.IdOf("b").text());
  EXPECT_THAT(replica.PlaceGroup(request),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("node-1"), HasSubstr("node-2"))));
}

TEST_F(NodeRegistryTest, TwoReplicasNeverMakeTwoVolumesOfOneName) {
  AddReplica();
  AddReplica();
  for (int i = 1; i <= 4; ++i) AddNode(absl::StrCat("node-", i), i);
  ConnectAll();
  constexpr int kNames = 200;
  constexpr int kCallers = 4;
  std::vector<std::thread> callers;
  std::atomic<int> made = 0;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      NodeRegistry& replica = *replicas_[static_cast<size_t>(caller) % replicas_.size()];
      for (int i = 0; i < kNames; ++i) {
        // The same name at once, with each its own idea of where.
        const std::string node = absl::StrCat("node-", 1 + caller);
        const Accessibility anywhere = {
            {"node-1", "node-2", "node-3", "node-4"},
            i % 2 == 0 ? std::vector<std::string>{node} : std::vector<std::string>{}};
        // A CO tries again until it is made.
        while (true) {
          const absl::Status status =
              Create(replica, Request(absl::StrCat("v", i), kGiB / 1024), anywhere).status();
          if (status.ok()) break;
          ASSERT_TRUE(absl::IsAborted(status)) << status;
          absl::SleepFor(absl::Microseconds(100 * (1 + caller)));
        }
        ++made;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(made, kNames * kCallers);
  for (int i = 0; i < kNames; ++i) EXPECT_EQ(Copies(absl::StrCat("v", i)), 1U) << i;
}

}  // namespace
}  // namespace nodevol::controller

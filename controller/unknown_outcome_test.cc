// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a name when the stream of the node at which something is made of it ends in the
// middle: it is never made at a second node.
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"

#include "controller/test_cluster.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class UnknownOutcomeTest : public ClusterTest {
 protected:
  void SetUp() override {
    AddReplica();
    AddNode("node-1", 1);
    AddNode("node-2", 2);
    ConnectAll();
  }
  NodeRegistry& replica() { return *replicas_[0]; }
  TestNode& node() { return *nodes_[0]; }
  TestNode& other() { return *nodes_[1]; }
  // Wherever it is or may be; rather at the other node.
  static Accessibility Anywhere() { return {{"node-1", "node-2"}, {"node-2"}}; }

  // What is told is taken in by another thread: awaits that a create ends so.
  static bool EndsWith(absl::StatusCode code, NodeRegistry& replica, const std::string& name,
                       const Accessibility& where) {
    return Eventually(
        [&] { return Create(replica, Request(name), where).status().code() == code; });
  }
  // A volume of the name is being made at the node, whose streams have ended.
  void LoseInTheMiddle(const std::string& name) {
    std::shared_ptr<Call> call;
    BeginHeld(replica(), node(), name, &call);
    if (HasFatalFailure()) return;
    node().pipes.clear();
    EXPECT_THAT(call->Await(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("not known")));
  }
};

TEST_F(UnknownOutcomeTest, NameIsMadeNowhereElseWhileItsNodeIsAway) {
  ASSERT_NO_FATAL_FAILURE(LoseInTheMiddle("a"));
  for (const Accessibility& where : {Only(other()), Only(node()), Anywhere(), Accessibility()}) {
    EXPECT_THAT(Create(replica(), Request("a"), where),
                StatusIs(absl::StatusCode::kUnavailable,
                         AllOf(HasSubstr("may have been made"), HasSubstr("node-1"))));
  }
  // Of others nothing was sent.
  EXPECT_THAT(Create(replica(), Request("b"), Only(node())),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(Create(replica(), Request("b"), Only(other())));
  node().disks.LetGo();
  EXPECT_EQ(Copies("a"), 0U);
}

TEST_F(UnknownOutcomeTest, WhatWasNotMadeMayBeMadeElsewhereWhenTheNodeIsBack) {
  ASSERT_NO_FATAL_FAILURE(LoseInTheMiddle("a"));
  node().disks.LetGo();
  ASSERT_NO_FATAL_FAILURE(ConnectWhole(node(), replica()));
  EXPECT_TRUE(EndsWith(absl::StatusCode::kOk, replica(), "a", Only(other())));
  EXPECT_EQ(Copies("a"), 1U);
}

TEST_F(UnknownOutcomeTest, WhatWasMadeIsFoundWhenTheNodeIsBack) {
  ASSERT_NO_FATAL_FAILURE(LoseInTheMiddle("a"));
  node().disks.LetGoRegardless();
  ASSERT_NO_FATAL_FAILURE(ConnectWhole(node(), replica()));
  EXPECT_THAT(Create(replica(), Request("a"), Anywhere()), IsOkAndHolds("node-1"));
  EXPECT_EQ(Copies("a"), 1U);
}

TEST_F(UnknownOutcomeTest, WhatIsStillBeingMadeWhenTheNodeIsBackIsMadeNowhereElse) {
  ASSERT_NO_FATAL_FAILURE(LoseInTheMiddle("a"));
  ASSERT_NO_FATAL_FAILURE(ConnectWhole(node(), replica()));
  EXPECT_TRUE(EndsWith(absl::StatusCode::kAborted, replica(), "a", Only(other())));
  node().disks.LetGoRegardless();
  EXPECT_TRUE(EndsWith(absl::StatusCode::kOk, replica(), "a", Anywhere()));
  EXPECT_EQ(Copies("a"), 1U);
  EXPECT_NE(node().disks.FindVolume("a"), nullptr);
}

TEST_F(UnknownOutcomeTest, NodeThatHasNotToldAllSinceLeavesTheDoubt) {
  ASSERT_NO_FATAL_FAILURE(LoseInTheMiddle("a"));
  node().disks.LetGo();
  absl::Notification told;
  absl::Notification go_on;
  Connect(node(), replica(), {.from_node = [&](link::v1::NodeMessage& message) {
            if (!message.inventory().complete()) return;
            told.Notify();
            go_on.WaitForNotification();
          }});
  told.WaitForNotification();
  EXPECT_THAT(Create(replica(), Request("a"), Only(other())),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("has not told")));
  go_on.Notify();
  EXPECT_TRUE(EndsWith(absl::StatusCode::kOk, replica(), "a", Only(other())));
  node().pipes.clear();
}

TEST_F(UnknownOutcomeTest, PoolThatIsNotOpenYetLeavesTheDoubt) {
  ASSERT_NO_FATAL_FAILURE(LoseInTheMiddle("a"));
  node().disks.LetGo();
  node().disks.SetUnopened(true);
  ASSERT_NO_FATAL_FAILURE(ConnectWhole(node(), replica()));
  EXPECT_OK(Create(replica(), Request("b"), Only(node())));
  EXPECT_THAT(Create(replica(), Request("a"), Only(other())),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("has not told")));
  node().disks.SetUnopened(false);
  node().disks.Put("c");  // the next message tells of the pools, too
  EXPECT_TRUE(EndsWith(absl::StatusCode::kOk, replica(), "a", Only(other())));
}

TEST_F(UnknownOutcomeTest, WhatWasNotSentIsInNoDoubt) {
  ASSERT_OK_AND_ASSIGN(const Place place, replica().PlaceVolume(Request("a"), Only(node())));
  node().pipes.clear();
  EXPECT_THAT(Begin(place, Request("a"))->Await(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Create(replica(), Request("a"), Only(node())),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(Create(replica(), Request("a"), Only(other())));
}

TEST_F(UnknownOutcomeTest, SnapshotOfAVolumeThatIsAwayIsUnavailable) {
  ASSERT_OK(Create(replica(), Request("a"), Only(node())));
  node().pipes.clear();
  v1::SnapshotRequest request;
  request.set_name("s");
  request.set_source_volume_id(node().disks.IdOf("a").text());
  ASSERT_OK_AND_ASSIGN(const Place place, replica().PlaceSnapshot(request));
  absl::Status answer;
  place.node->CreateSnapshot({}, request,
                             EndingHold<storage::SnapshotPtr>(
                                 place, [&](const absl::StatusOr<storage::SnapshotPtr>& made) {
                                   answer = made.status();
                                 }));
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("node-1")));
}

// ---- Two replicas ----

class OtherReplicaTest : public UnknownOutcomeTest {
 protected:
  void SetUp() override {
    AddReplica();
    UnknownOutcomeTest::SetUp();
  }
  NodeRegistry& second() { return *replicas_[1]; }
};

TEST_F(OtherReplicaTest, NameThatItHasMadeWhereTheStreamEndsIsMadeNowhereElse) {
  std::shared_ptr<Call> call;
  ASSERT_NO_FATAL_FAILURE(BeginHeld(replica(), node(), "a", &call));
  node().pipes.pop_back();  // the second replica's
  EXPECT_THAT(Create(second(), Request("a"), Only(other())),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("node-1")));
  // And not while it goes on when the stream is there again.
  ASSERT_NO_FATAL_FAILURE(ConnectWhole(node(), second()));
  EXPECT_TRUE(EndsWith(absl::StatusCode::kAborted, second(), "a", Only(other())));
  node().disks.LetGo();
  EXPECT_OK(call->Await());
  EXPECT_TRUE(EndsWith(absl::StatusCode::kOk, second(), "a", Anywhere()));
  EXPECT_EQ(Copies("a"), 1U);
}

TEST_F(OtherReplicaTest, DoubtOfOneIsRespectedByTheOther) {
  std::shared_ptr<Call> call;
  ASSERT_NO_FATAL_FAILURE(BeginHeld(replica(), node(), "a", &call));
  node().pipes.erase(node().pipes.begin());  // the first replica's
  EXPECT_THAT(call->Await(), StatusIs(absl::StatusCode::kUnavailable));
  node().disks.LetGo();  // abandoned, which the second hears and the first does not
  EXPECT_TRUE(EndsWith(absl::StatusCode::kUnavailable, second(), "a", Only(other())));
  EXPECT_EQ(Copies("a"), 0U);
  ASSERT_NO_FATAL_FAILURE(ConnectWhole(node(), replica()));
  EXPECT_TRUE(EndsWith(absl::StatusCode::kOk, second(), "a", Only(other())));
}

}  // namespace
}  // namespace nodevol::controller

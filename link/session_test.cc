// SPDX-License-Identifier: Apache-2.0
//
// What the two ends of a stream make of each other's messages: the right ones in the wrong order,
// played again, of another stream, of another node. What becomes of operations when a stream ends
// is in stream_end_test.cc.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "link/test_session.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using storage::VolumeId;
using storage::VolumePtr;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(SessionTest, HelloSaysWhoTheNodeIsAndWhatItHas) {
  Connect();
  replica_.AwaitComplete();
  const v1::Hello hello = replica_.hello();
  EXPECT_EQ(hello.node_name(), "node-1");
  EXPECT_EQ(hello.driver_version(), "1.2.3");
  EXPECT_EQ(hello.topology().at("topology.example/node"), "node-1");
  ASSERT_EQ(hello.pools_size(), 1);
  EXPECT_EQ(hello.pools(0).uuid(), disks_.IdOf("a").pool_uuid());
  EXPECT_EQ(hello.pools(0).epoch(), 7U);
}

TEST_F(SessionTest, ReplicaKnowsAllThatTheNodeHad) {
  for (int i = 0; i < 1000; ++i) disks_.Put(absl::StrCat("v", i));
  Connect();
  replica_.AwaitComplete();
  EXPECT_EQ(replica_.storage().ListVolumes({}).entries.size(), 1000U);
}

TEST_F(SessionTest, ReplicaHearsOfWhatChangesByItself) {
  Connect();
  replica_.AwaitComplete();
  disks_.Put("a");
  EXPECT_TRUE(storage::Eventually([&] { return replica_.storage().FindVolume("a") != nullptr; }));
  disks_.Erase("a");
  EXPECT_TRUE(storage::Eventually([&] { return replica_.storage().FindVolume("a") == nullptr; }));
}

TEST_F(SessionTest, WhatWasDeletedWhileTheNodeWasAwayIsGoneWhenItIsBack) {
  disks_.Put("a");
  disks_.Put("b");
  Connect();
  replica_.AwaitComplete();
  pipe_.reset();
  replica_.AwaitGone();
  disks_.Erase("a");
  disks_.Put("c");
  // Of a node that is away, the last that was known.
  EXPECT_NE(replica_.storage().FindVolume("a"), nullptr);
  Connect();
  replica_.AwaitComplete();
  EXPECT_EQ(replica_.storage().FindVolume("a"), nullptr);
  EXPECT_NE(replica_.storage().FindVolume("b"), nullptr);
  EXPECT_NE(replica_.storage().FindVolume("c"), nullptr);
}

TEST_F(SessionTest, PoolThatIsOpenedAnewIsListedAnew) {
  disks_.Put("a");
  Connect();
  replica_.AwaitComplete();
  disks_.ReplaceAll({"b"});
  EXPECT_TRUE(storage::Eventually([&] { return replica_.storage().FindVolume("b") != nullptr; }));
  EXPECT_EQ(replica_.storage().FindVolume("a"), nullptr);
}

TEST_F(SessionTest, AnswerIsInTheInventoryWhenItIsGiven) {
  Connect();
  replica_.AwaitComplete();
  for (int i = 0; i < 300; ++i) {
    const std::string name = absl::StrCat("v", i);
    ASSERT_OK(Create(replica_, name));
    ASSERT_NE(replica_.storage().FindVolume(name), nullptr);
  }
}

TEST_F(SessionTest, NodeThatIsAwayIsUnavailable) {
  EXPECT_THAT(Create(replica_, "a"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("node-1 is not connected")));
}

TEST_F(SessionTest, WhatTheCopyLacksIsNotDeniedWhileTheNodeIsAway) {
  Connect();
  replica_.AwaitComplete();
  disks_.Put("a");
  ASSERT_TRUE(storage::Eventually([&] { return replica_.storage().FindVolume("a") != nullptr; }));
  EXPECT_THAT(replica_.storage().GetVolume(disks_.IdOf("b")),
              StatusIs(absl::StatusCode::kNotFound));
  pipe_.reset();
  EXPECT_OK(replica_.storage().GetVolume(disks_.IdOf("a")));
  EXPECT_THAT(replica_.storage().GetVolume(disks_.IdOf("b")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("node-1 is not connected")));
  EXPECT_THAT(replica_.storage().GetVolumeHealth(disks_.IdOf("b")),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SessionTest, CallerWhoGoesCancelsTheOperation) {
  Connect();
  replica_.AwaitComplete();
  disks_.Hold();
  std::atomic<bool> gone = false;
  absl::Notification answered;
  absl::Status answer;
  replica_.storage().CreateVolume({[&] { return gone.load(); }}, Request("a"),
                                  [&](const absl::StatusOr<VolumePtr>& result) {
                                    answer = result.status();
                                    answered.Notify();
                                  });
  ASSERT_TRUE(storage::Eventually([&] { return disks_.held() == 1; }));
  replica_.CancelAbandoned();  // nobody has gone yet
  gone = true;
  replica_.CancelAbandoned();
  ASSERT_TRUE(storage::Eventually([&] { return disks_.HeldIsAbandoned(); }));
  disks_.LetGo();
  answered.WaitForNotification();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(SessionTest, NodeIsNotAskedForWhatNobodyWaitsForAnyMore) {
  std::vector<v1::Command> commands;
  Connect({.from_controller = [&](v1::ControllerMessage& message) {
    if (message.has_command()) commands.push_back(message.command());
  }});
  replica_.AwaitComplete();
  EXPECT_THAT(Create(replica_, "late", {.timeout = -absl::Seconds(1)}),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Create(replica_, "gone", {.abandoned = [] { return true; }}),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_OK(Create(replica_, "in-time", {.timeout = absl::Hours(1)}));
  EXPECT_OK(Create(replica_, "for-ever"));
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(commands[0].create_volume().name(), "in-time");
  EXPECT_GT(commands[0].timeout().seconds(), 1800);
  EXPECT_LE(commands[0].timeout().seconds(), 3600);
  EXPECT_FALSE(commands[1].has_timeout());
}

// ---- Names ----

TEST_F(SessionTest, OtherReplicasAreAskedForTheNameAndGetItBack) {
  TestReplica other("node-1");
  Connect();
  const std::unique_ptr<TestPipe> second = other.Connect(Self());
  replica_.AwaitComplete();
  other.AwaitComplete();
  disks_.Hold();
  absl::Notification answered;
  replica_.storage().CreateVolume({}, Request("a"),
                                  [&](const absl::StatusOr<VolumePtr>&) { answered.Notify(); });
  ASSERT_TRUE(storage::Eventually([&] { return disks_.held() == 1; }));
  EXPECT_THAT(other.claimed(), ElementsAre(VolumeId::HashOfName("a")));
  EXPECT_THAT(replica_.claimed(), IsEmpty());
  disks_.LetGo();
  answered.WaitForNotification();
  EXPECT_TRUE(storage::Eventually([&] { return other.claimed().empty(); }));
  EXPECT_NE(other.storage().FindVolume("a"), nullptr) << "released before it was told";
}

TEST_F(SessionTest, NameThatAnotherReplicaRefusesIsNotMade) {
  TestReplica other("node-1");
  Connect();
  const std::unique_ptr<TestPipe> second = other.Connect(Self());
  replica_.AwaitComplete();
  other.AwaitComplete();
  other.Refuse(VolumeId::HashOfName("a"));
  EXPECT_THAT(Create(replica_, "a"), StatusIs(absl::StatusCode::kAborted, HasSubstr("elsewhere")));
  EXPECT_EQ(disks_.FindVolume("a"), nullptr);
  EXPECT_OK(Create(replica_, "b"));
}

TEST_F(SessionTest, ReplicaThatIsGoneIsNotWaitedFor) {
  TestReplica other("node-1");
  Connect();
  replica_.AwaitComplete();
  absl::Notification asked;
  std::unique_ptr<TestPipe> second =
      other.Connect(Self(), {.from_node = [&](v1::NodeMessage& message) {
                      // Its answer never comes.
                      if (!message.has_claim()) return;
                      message.mutable_claim()->set_claim(message.claim().claim() + 1000);
                      asked.Notify();
                    }});
  other.AwaitComplete();
  absl::Notification answered;
  absl::Status answer;
  replica_.storage().CreateVolume({}, Request("a"), [&](const absl::StatusOr<VolumePtr>& result) {
    answer = result.status();
    answered.Notify();
  });
  asked.WaitForNotification();
  EXPECT_FALSE(answered.HasBeenNotified());
  second.reset();
  answered.WaitForNotification();
  EXPECT_OK(answer);
}

// ---- What ends a stream ----

TEST_F(SessionTest, NodeThatSaysItIsAnotherIsRefused) {
  Connect({.from_node = [](v1::NodeMessage& message) {
    if (message.has_hello()) message.mutable_hello()->set_node_name("node-2");
  }});
  EXPECT_THAT(AwaitEnd(), StatusIs(absl::StatusCode::kPermissionDenied,
                                   ::testing::AllOf(HasSubstr("node-1"), HasSubstr("node-2"))));
}

TEST_F(SessionTest, VersionsThatDoNotMeetAreRefusedOnBothSides) {
  Connect({.from_node = [](v1::NodeMessage& message) {
    if (message.has_hello()) message.mutable_hello()->set_oldest_version(kNewestVersion + 1);
    if (message.has_hello()) message.mutable_hello()->set_newest_version(kNewestVersion + 3);
  }});
  EXPECT_THAT(AwaitEnd(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("versions")));
  pipe_.reset();
  Connect({.from_controller = [](v1::ControllerMessage& message) {
    if (message.has_welcome()) message.mutable_welcome()->set_version(kNewestVersion + 1);
  }});
  EXPECT_THAT(AwaitEnd(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("version")));
}

TEST_F(SessionTest, NewerSideSpeaksTheVersionOfTheOlder) {
  Connect({.from_node = [](v1::NodeMessage& message) {
    if (message.has_hello()) message.mutable_hello()->set_newest_version(kNewestVersion + 1);
  }});
  replica_.AwaitComplete();
  EXPECT_OK(Create(replica_, "a"));
}

TEST_F(SessionTest, ReplayedCommandEndsTheStream) {
  std::optional<v1::ControllerMessage> recorded;
  Connect({.from_controller = [&](v1::ControllerMessage& message) {
    if (!message.has_command()) return;
    if (recorded.has_value()) message = *recorded;
    recorded = message;
  }});
  replica_.AwaitComplete();
  EXPECT_OK(Create(replica_, "a"));
  EXPECT_THAT(Create(replica_, "b"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(AwaitEnd(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(disks_.FindVolume("b"), nullptr);
}

TEST_F(SessionTest, CommandOfAnotherStreamEndsTheStream) {
  Connect({.from_controller = [](v1::ControllerMessage& message) {
    if (message.has_command()) message.set_session("0123");
  }});
  replica_.AwaitComplete();
  EXPECT_THAT(Create(replica_, "a"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(AwaitEnd(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("another")));
  EXPECT_EQ(disks_.FindVolume("a"), nullptr);
}

TEST_F(SessionTest, OperationNumberThatWasUsedEndsTheStream) {
  Connect({.from_controller = [](v1::ControllerMessage& message) {
    if (message.has_command()) message.mutable_command()->set_operation(1);
  }});
  replica_.AwaitComplete();
  EXPECT_OK(Create(replica_, "a"));
  EXPECT_THAT(Create(replica_, "b"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(disks_.FindVolume("b"), nullptr);
}

TEST_F(SessionTest, StaleCommandIsAborted) {
  disks_.Put("a");
  Connect({.from_controller = [](v1::ControllerMessage& message) {
    if (message.has_command()) message.mutable_command()->set_pool_epoch(6);
  }});
  replica_.AwaitComplete();
  const VolumeId id = disks_.IdOf("a");
  absl::Status answer;
  absl::Notification answered;
  replica_.storage().DeleteVolume({}, id, [&](const absl::Status& status) {
    answer = status;
    answered.Notify();
  });
  answered.WaitForNotification();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kAborted, HasSubstr("opened anew")));
  EXPECT_NE(disks_.FindVolume("a"), nullptr);
  EXPECT_OK(pipe_->ended());
}

TEST_F(SessionTest, AnswerToWhatWasNotAskedEndsTheStream) {
  Connect({.from_node = [](v1::NodeMessage& message) {
    if (message.has_result()) message.mutable_result()->set_operation(99);
  }});
  replica_.AwaitComplete();
  EXPECT_THAT(Create(replica_, "a"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(AwaitEnd(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("99")));
}

TEST_F(SessionTest, ObjectOfAPoolThatTheNodeDoesNotHaveEndsTheStream) {
  disks_.Put("a");
  Connect({.from_node = [](v1::NodeMessage& message) {
    if (!message.has_inventory()) return;
    for (nodevol::v1::ObjectState& state : *message.mutable_inventory()->mutable_objects()) {
      state.set_id(VolumeId::ForName("ffffffffffffffffffffffffffffffff", "a").text());
    }
  }});
  EXPECT_THAT(AwaitEnd(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no pool")));
}

TEST_F(SessionTest, RecordOfAnotherObjectEndsTheStream) {
  disks_.Put("a");
  Connect({.from_node = [this](v1::NodeMessage& message) {
    if (!message.has_inventory()) return;
    for (nodevol::v1::ObjectState& state : *message.mutable_inventory()->mutable_objects()) {
      state.mutable_volume()->set_id(disks_.IdOf("b").text());
    }
  }});
  EXPECT_THAT(AwaitEnd(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another")));
}

TEST_F(SessionTest, CommandThatIsUnknownIsRefusedAndTheStreamGoesOn) {
  bool once = true;
  Connect({.from_controller = [&](v1::ControllerMessage& message) {
    if (message.has_command() && std::exchange(once, false)) {
      message.mutable_command()->clear_request();
    }
  }});
  replica_.AwaitComplete();
  EXPECT_THAT(Create(replica_, "a"), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_OK(Create(replica_, "b"));
}

}  // namespace
}  // namespace nodevol::link

// SPDX-License-Identifier: Apache-2.0
//
// What becomes of operations and of the names that they are about when a stream ends.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "link/outcome.h"
#include "link/test_session.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using storage::VolumeId;
using storage::VolumePtr;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StreamEndTest : public SessionTest {};

// The controller's end of a stream that nobody reads.
class UnreadStream final : public Stream {
 public:
  void Wake() override {}
  void Close(const absl::Status&) override {}
};

TEST_F(StreamEndTest, OperationWhoseStreamEndsIsUnavailableAndAbandoned) {
  Connect();
  replica_.AwaitComplete();
  disks_.Hold();
  std::optional<absl::Status> answer;
  absl::Notification answered;
  replica_.storage().CreateVolume({}, Request("a"), [&](const absl::StatusOr<VolumePtr>& result) {
    answer = result.status();
    answered.Notify();
  });
  ASSERT_TRUE(storage::Eventually([&] { return disks_.held() == 1; }));
  pipe_.reset();
  answered.WaitForNotification();
  EXPECT_THAT(*answer, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("not known")));
  EXPECT_TRUE(IsOutcomeUnknown(*answer));
  disks_.LetGo();
  EXPECT_TRUE(storage::Eventually([&] { return disks_.abandoned() == 1; }));
  EXPECT_EQ(disks_.FindVolume("a"), nullptr);
}

TEST_F(StreamEndTest, OutcomeIsKnownOfWhatWasNotSent) {
  const auto session = std::make_shared<ControllerSession>("node-1", "test", replica_);
  const auto stream = std::make_shared<UnreadStream>();
  session->Attach(stream);
  v1::NodeMessage hello;
  hello.set_sequence(1);
  hello.mutable_hello()->set_node_name("node-1");
  hello.mutable_hello()->set_oldest_version(kOldestVersion);
  hello.mutable_hello()->set_newest_version(kNewestVersion);
  session->OnMessage(hello);
  ASSERT_TRUE(session->TakeNext()->has_welcome());
  std::map<std::string, absl::Status> answers;
  const auto send = [&](const std::string& name) {
    replica_.storage().CreateVolume(
        {}, Request(name),
        [&answers, name](const absl::StatusOr<VolumePtr>& made) { answers[name] = made.status(); });
  };
  send("sent");
  ASSERT_TRUE(session->TakeNext()->has_command());
  send("queued");
  session->OnClosed(absl::UnavailableError("cut"));
  send("late");
  for (const char* const name : {"sent", "queued", "late"}) {
    const absl::Status& answer = answers[name];
    EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("node-1"))) << name;
    EXPECT_EQ(IsOutcomeUnknown(answer), name == std::string("sent")) << name;
  }
}

TEST_F(StreamEndTest, InventoryOfAStreamInWhosePlaceAnotherHasComeIsNotTaken) {
  Connect();
  replica_.AwaitComplete();
  const std::unique_ptr<TestPipe> before = std::move(pipe_);
  Connect();
  int put = 0;
  ASSERT_TRUE(storage::Eventually([&] {
    disks_.Put(absl::StrCat("v", put++));
    return !before->ended().ok();
  }));
  EXPECT_THAT(before->ended(), StatusIs(absl::StatusCode::kAborted, HasSubstr("newer stream")));
  replica_.AwaitComplete();
  EXPECT_OK(pipe_->ended());
}

TEST_F(StreamEndTest, WhatIsBeingMadeIsClaimedOfAReplicaThatComesMeanwhile) {
  Connect();
  replica_.AwaitComplete();
  disks_.Hold();
  absl::Notification answered;
  replica_.storage().CreateVolume({}, Request("a"),
                                  [&](const absl::StatusOr<VolumePtr>&) { answered.Notify(); });
  ASSERT_TRUE(storage::Eventually([&] { return disks_.held() == 1; }));
  TestReplica other("node-1");
  const std::unique_ptr<TestPipe> second = other.Connect(Self());
  other.AwaitComplete();
  EXPECT_THAT(other.claimed(), ElementsAre(VolumeId::HashOfName("a"))) << "told before it was";
  disks_.LetGo();
  answered.WaitForNotification();
  EXPECT_TRUE(storage::Eventually([&] { return other.claimed().empty(); }));
  EXPECT_NE(other.storage().FindVolume("a"), nullptr);
}

TEST_F(StreamEndTest, WhatOutlivesItsStreamIsClaimedByTheNext) {
  Connect();
  replica_.AwaitComplete();
  disks_.Hold();
  replica_.storage().CreateVolume({}, Request("a"), [](const absl::StatusOr<VolumePtr>&) {});
  ASSERT_TRUE(storage::Eventually([&] { return disks_.held() == 1; }));
  pipe_.reset();
  replica_.AwaitGone();
  Connect();
  replica_.AwaitComplete();
  EXPECT_EQ(replica_.storage().FindVolume("a"), nullptr);
  EXPECT_THAT(replica_.claimed(), ElementsAre(VolumeId::HashOfName("a")));
  disks_.LetGoRegardless();
  EXPECT_TRUE(storage::Eventually([&] { return replica_.claimed().empty(); }));
  EXPECT_NE(replica_.storage().FindVolume("a"), nullptr);
}

}  // namespace
}  // namespace nodevol::link

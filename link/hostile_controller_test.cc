// SPDX-License-Identifier: Apache-2.0
//
// What a node does at commands that make no sense, and with a controller that does not keep up.
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/unknown_field_set.h"

#include "link/fake_held_storage.h"
#include "link/test_talk.h"
#include "test/support/matchers.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

class HostileControllerTest : public ::testing::Test {
 protected:
  NodeSession::Node Self(absl::Duration claim_timeout = absl::InfiniteDuration()) {
    return {identity_, disks_, disks_, board_, claim_timeout};
  }
  static v1::ControllerMessage Welcome(const std::string& session) {
    v1::ControllerMessage message;
    message.mutable_welcome()->set_version(kNewestVersion);
    message.mutable_welcome()->set_session(session);
    message.mutable_welcome()->set_controller("replica-1");
    return message;
  }
  // A stream on which the node was welcomed, and has told what it has.
  std::unique_ptr<TalkAsController> Introduce(const NodeSession::Node& node) {
    auto talk = std::make_unique<TalkAsController>(std::make_shared<NodeSession>(node));
    EXPECT_TRUE(talk->Hear()->has_hello());
    talk->SetSession("s");
    talk->Say(Welcome("s"));
    while (talk->Hear().has_value()) continue;
    EXPECT_OK(talk->closed());
    return talk;
  }
  // The result that the node has for it, after what it has changed.
  v1::Result Run(TalkAsController& talk, v1::Command command) {
    command.set_operation(++operation_);
    v1::ControllerMessage message;
    *message.mutable_command() = std::move(command);
    talk.Say(std::move(message));
    while (const std::optional<v1::NodeMessage> next = talk.Hear()) {
      if (!next->has_result()) continue;
      EXPECT_EQ(next->result().operation(), operation_);
      return next->result();
    }
    ADD_FAILURE() << "no result; the stream: " << talk.closed();
    return {};
  }
  static v1::Command Create(const std::string& name) {
    v1::Command command;
    command.mutable_create_volume()->set_name(name);
    return command;
  }
  static int Code(absl::StatusCode code) { return static_cast<int>(code); }

  NodeIdentity identity_ = {"node-1", {}, "test", "one"};
  FakeHeldStorage disks_{{}};
  ClaimBoard board_;
  uint64_t operation_ = 0;
};

TEST_F(HostileControllerTest, WelcomeMustSayOfWhatStreamItIs) {
  for (const auto& [of_stream, said] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"", "s"}, {"s", ""}, {"s", "t"}}) {
    TalkAsController talk(std::make_shared<NodeSession>(Self()));
    ASSERT_TRUE(talk.Hear()->has_hello());
    talk.SetSession(of_stream);
    talk.Say(Welcome(said));
    EXPECT_THAT(talk.closed(), StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_FALSE(talk.session().welcomed());
  }
}

TEST_F(HostileControllerTest, NodeKnowsWhoHasWelcomedIt) {
  EXPECT_EQ(Introduce(Self())->session().controller(), "replica-1");
}

TEST_F(HostileControllerTest, CommandWithoutAnIdIsRefused) {
  const auto talk = Introduce(Self());
  std::vector<v1::Command> commands(7);
  commands[0].set_delete_volume("");
  commands[1].mutable_expand_volume()->clear_volume_id();
  commands[2].mutable_modify_volume()->clear_volume_id();
  commands[3].mutable_publish_volume()->clear_volume_id();
  commands[4].mutable_unpublish_volume()->clear_volume_id();
  commands[5].set_delete_snapshot("");
  commands[6].mutable_delete_group_snapshot()->clear_group_snapshot_id();
  for (const v1::Command& command : commands) {
    EXPECT_EQ(Run(*talk, command).status().code(), Code(absl::StatusCode::kInvalidArgument))
        << command.ShortDebugString();
  }
  v1::Command blocks;
  blocks.mutable_list_blocks()->set_limit(1);
  EXPECT_EQ(Run(*talk, blocks).status().code(), Code(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(talk->closed());
}

TEST_F(HostileControllerTest, BlocksOutsideOfTheSnapshotAreNotAskedFor) {
  const auto talk = Introduce(Self());
  for (const int64_t offset : {int64_t{-1}, int64_t{4097}, std::numeric_limits<int64_t>::min(),
                               std::numeric_limits<int64_t>::max()}) {
    v1::Command command;
    command.mutable_list_blocks()->mutable_target()->set_id(disks_.IdOf("s").text());
    command.mutable_list_blocks()->mutable_target()->set_size_bytes(4096);
    command.mutable_list_blocks()->set_offset(offset);
    EXPECT_EQ(Run(*talk, command).status().code(), Code(absl::StatusCode::kOutOfRange)) << offset;
  }
}

TEST_F(HostileControllerTest, TimeoutsOfAnySizeMeanWhatTheySay) {
  const auto talk = Introduce(Self());
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  struct Case {
    int64_t seconds;
    int32_t nanos;
    bool in_time;
  };
  for (const Case& timeout : std::vector<Case>{
           {3600, 0, true},
           {kMost, 0, true},
           {kMost, 999'999'999, true},
           {18'446'744'074, 0, true},  // as nanoseconds little more than nothing, in 64 bits
           {9'223'372'037, 0, true},   // and this less
           {0, 0, false},
           {0, -1, false},
           {-1, 0, false},
           {-kMost - 1, 0, false},
           {-kMost - 1, -999'999'999, false},
           {-18'446'744'073, 0, false},
       }) {
    v1::Command command = Create("a");
    command.mutable_timeout()->set_seconds(timeout.seconds);
    command.mutable_timeout()->set_nanos(timeout.nanos);
    const int code = Run(*talk, command).status().code();
    EXPECT_EQ(code, timeout.in_time ? 0 : Code(absl::StatusCode::kCancelled))
        << timeout.seconds << " " << timeout.nanos;
  }
}

TEST_F(HostileControllerTest, CancelOfWhatIsNotThereIsNothing) {
  const auto talk = Introduce(Self());
  for (const uint64_t operation : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
    v1::ControllerMessage cancel;
    cancel.mutable_cancel()->set_operation(operation);
    talk->Say(cancel);
  }
  v1::ControllerMessage answer;
  answer.mutable_claim_answer()->set_claim(1);
  talk->Say(answer);
  EXPECT_EQ(Run(*talk, Create("a")).status().code(), 0);
}

TEST_F(HostileControllerTest, ControllerThatTakesNoResultsIsCutOff) {
  const auto talk = Introduce(Self());
  int sent = 0;
  while (talk->closed().ok() && sent < 100'000) {
    v1::ControllerMessage message;
    message.mutable_command()->set_operation(static_cast<uint64_t>(++sent));
    talk->Say(message);  // none that there is: it is answered at once
  }
  EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(HostileControllerTest, ControllerThatDoesNotAnswerAClaimIsNotWaitedForLong) {
  const auto asking = Introduce(Self());
  const auto patient = Introduce(Self());
  const auto hanging = Introduce(Self(/*claim_timeout=*/absl::ZeroDuration()));
  v1::ControllerMessage command;
  *command.mutable_command() = Create("a");
  command.mutable_command()->set_operation(1);
  asking->Say(command);
  std::optional<v1::NodeMessage> claim = patient->Hear();
  ASSERT_TRUE(claim.has_value() && claim->has_claim());
  patient->session().Refresh();
  EXPECT_OK(patient->closed());
  v1::ControllerMessage granted;
  granted.mutable_claim_answer()->set_claim(claim->claim().claim());
  patient->Say(granted);
  EXPECT_EQ(disks_.FindVolume("a"), nullptr) << "one has not answered";
  hanging->session().Refresh();
  EXPECT_THAT(hanging->closed(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("claim")));
  hanging->End(absl::OkStatus());
  EXPECT_NE(disks_.FindVolume("a"), nullptr);
}

TEST_F(HostileControllerTest, AfterWhatItMustNotSayItIsNotHeard) {
  const auto talk = Introduce(Self());
  talk->Say(Welcome("s"));
  EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kFailedPrecondition));
  // It had been read when the stream was closed: in its order, since nothing was wrong with the
  // welcome's number.
  for (const uint64_t sequence : {uint64_t{2}, uint64_t{3}}) {
    v1::ControllerMessage late;
    *late.mutable_command() = Create("a");
    late.mutable_command()->set_operation(1);
    late.set_session("s");
    late.set_sequence(sequence);
    talk->session().OnMessage(late);
  }
  EXPECT_EQ(disks_.FindVolume("a"), nullptr);
}

TEST_F(HostileControllerTest, KindsAndFieldsOfANewerControllerAreLeftAlone) {
  const auto talk = Introduce(Self());
  v1::ControllerMessage newer;
  newer.GetReflection()->MutableUnknownFields(&newer)->AddLengthDelimited(1000, "what is new");
  talk->Say(newer);
  v1::Command command = Create("a");
  command.GetReflection()->MutableUnknownFields(&command)->AddVarint(1000, 1);
  EXPECT_EQ(Run(*talk, command).status().code(), 0);
}

}  // namespace
}  // namespace nodevol::link

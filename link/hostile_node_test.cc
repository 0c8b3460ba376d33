// SPDX-License-Identifier: Apache-2.0
//
// A node whose key was stolen says what it likes: what a controller believes it, and what that
// costs.
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/unknown_field_set.h"

#include "link/test_replica.h"
#include "link/test_talk.h"
#include "test/support/matchers.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using storage::GroupId;
using storage::SnapshotId;
using storage::VolumeId;
using storage::VolumePtr;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPool[] = "0123456789abcdef0123456789abcdef";
constexpr char kOtherPool[] = "fedcba9876543210fedcba9876543210";
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

class HostileNodeTest : public ::testing::Test {
 protected:
  static v1::NodeMessage Hello() {
    v1::NodeMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_oldest_version(kOldestVersion);
    hello.set_newest_version(kNewestVersion);
    hello.set_node_name("node-1");
    hello.set_incarnation("one");
    return message;
  }
  // All of a node that has one pool, and nothing in it.
  static v1::NodeMessage Listing() {
    v1::NodeMessage message;
    v1::Inventory& inventory = *message.mutable_inventory();
    AddPool(kPool, 0, inventory);
    inventory.set_begin_pool(kPool);
    inventory.set_end_pool(kPool);
    inventory.set_complete(true);
    return message;
  }
  static void AddPool(const std::string& uuid, int64_t available, v1::Inventory& inventory) {
    nodevol::v1::PoolReport& pool = *inventory.mutable_pools()->add_pools();
    pool.set_name("pool");
    pool.set_uuid(uuid);
    pool.set_epoch(1);
    pool.set_available_bytes(available);
  }
  static v1::NodeMessage Volume(const std::string& id, int64_t bytes = 1 << 20) {
    v1::NodeMessage message;
    nodevol::v1::ObjectState& state = *message.mutable_inventory()->add_objects();
    state.set_id(id);
    state.mutable_volume()->set_id(id);
    state.mutable_volume()->set_size_bytes(bytes);
    return message;
  }
  static std::string IdOf(const std::string& name) { return VolumeId::ForName(kPool, name).text(); }

  std::unique_ptr<TalkAsNode> Dial(absl::Duration hello_timeout = kHelloTimeout) {
    return std::make_unique<TalkAsNode>(
        std::make_shared<ControllerSession>("node-1", "test", replica_, hello_timeout));
  }
  // A stream on which the node was welcomed, and has said what it has.
  std::unique_ptr<TalkAsNode> Introduce() {
    std::unique_ptr<TalkAsNode> talk = Dial();
    talk->Say(Hello());
    const std::optional<v1::ControllerMessage> welcome = talk->Hear();
    EXPECT_TRUE(welcome.has_value() && welcome->has_welcome());
    if (welcome.has_value()) talk->SetSession(welcome->welcome().session());
    talk->Say(Listing());
    EXPECT_OK(talk->closed());
    return talk;
  }
  // Answers the command that comes next.
  static void Answer(TalkAsNode& talk, v1::Result result) {
    const std::optional<v1::ControllerMessage> message = talk.Hear();
    ASSERT_TRUE(message.has_value() && message->has_command());
    result.set_operation(message->command().operation());
    v1::NodeMessage answer;
    *answer.mutable_result() = std::move(result);
    talk.Say(std::move(answer));
    EXPECT_OK(talk.closed());
  }
  void Create(const std::string& name, absl::Status& answer) {
    nodevol::v1::VolumeRequest request;
    request.set_name(name);
    node().CreateVolume(
        {}, request, [&answer](const absl::StatusOr<VolumePtr>& made) { answer = made.status(); });
  }
  RemoteStorage& node() { return replica_.storage(); }

  TestReplica replica_{"node-1"};
};

// ---- Answers ----

TEST_F(HostileNodeTest, VolumeOfAnotherIsNoAnswerToACreate) {
  const auto talk = Introduce();
  for (const auto& [id, code] : std::vector<std::pair<std::string, absl::StatusCode>>{
           {IdOf("a"), absl::StatusCode::kOk},
           {IdOf("b"), absl::StatusCode::kInternal},
           // Who deletes what was made would delete what is another node's.
           {VolumeId::ForName(kOtherPool, "a").text(), absl::StatusCode::kUnavailable},
           {"a", absl::StatusCode::kUnavailable}}) {
    absl::Status answer = absl::UnknownError("none");
    Create("a", answer);
    v1::Result result;
    result.mutable_volume()->set_id(id);
    Answer(*talk, std::move(result));
    EXPECT_THAT(answer, StatusIs(code)) << id;
  }
}

TEST_F(HostileNodeTest, AnotherVolumeIsNoAnswerToAChange) {
  const auto talk = Introduce();
  const VolumeId id = VolumeId::ForName(kPool, "a");
  absl::Status answer;
  node().ExpandVolume({}, id, {}, [&](const auto& grown) { answer = grown.status(); });
  v1::Result expanded;
  expanded.mutable_expanded()->mutable_volume()->set_id(IdOf("b"));
  Answer(*talk, std::move(expanded));
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kInternal, HasSubstr(IdOf("b"))));
  v1::Result volume;
  volume.mutable_volume()->set_id(IdOf("b"));
  answer = absl::OkStatus();
  node().ModifyVolume({}, id, {}, [&](const auto& modified) { answer = modified.status(); });
  Answer(*talk, volume);
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kInternal));
  answer = absl::OkStatus();
  node().PublishVolume({}, id, {}, [&](const auto& published) { answer = published.status(); });
  Answer(*talk, volume);
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kInternal));
}

TEST_F(HostileNodeTest, SnapshotOfAnotherIsNoAnswer) {
  const auto talk = Introduce();
  nodevol::v1::SnapshotRequest request;
  request.set_name("s");
  absl::Status answer;
  for (const auto& [id, code] : std::vector<std::pair<std::string, absl::StatusCode>>{
           {SnapshotId::ForName(kPool, "s").text(), absl::StatusCode::kOk},
           {SnapshotId::ForName(kPool, "t").text(), absl::StatusCode::kInternal},
           {SnapshotId::ForName(kOtherPool, "s").text(), absl::StatusCode::kUnavailable}}) {
    node().CreateSnapshot({}, request, [&](const auto& made) { answer = made.status(); });
    v1::Result result;
    result.mutable_snapshot()->set_id(id);
    Answer(*talk, std::move(result));
    EXPECT_THAT(answer, StatusIs(code)) << id;
  }
}

TEST_F(HostileNodeTest, GroupHasTheMembersThatItsRecordSaysAndNoneOfAnother) {
  const auto talk = Introduce();
  nodevol::v1::GroupSnapshotRequest request;
  request.set_name("g");
  absl::Status answer;
  const auto answer_with = [&](const std::string& in_record, const std::string& member) {
    node().CreateGroupSnapshot({}, request, [&](const auto& made) { answer = made.status(); });
    v1::Result result;
    v1::GroupSnapshot& group = *result.mutable_group();
    group.mutable_group()->set_id(GroupId::ForName(kPool, "g").text());
    group.mutable_group()->add_snapshot_ids(in_record);
    group.add_members()->set_id(member);
    Answer(*talk, std::move(result));
  };
  answer_with(IdOf("m"), IdOf("m"));
  EXPECT_OK(answer);
  answer_with(IdOf("m"), IdOf("n"));
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kInternal, HasSubstr("members")));
  const std::string foreign = SnapshotId::ForName(kOtherPool, "m").text();
  answer_with(foreign, foreign);
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable, HasSubstr(foreign)));
}

TEST_F(HostileNodeTest, PagesOfBlocksThatLeadNowhereAreNotPassedOn) {
  const auto talk = Introduce();
  auto target = std::make_shared<nodevol::v1::SnapshotRecord>();
  target->set_id(SnapshotId::ForName(kPool, "s").text());
  target->set_size_bytes(1 << 20);
  struct Case {
    std::vector<std::pair<int64_t, int64_t>> ranges;
    std::optional<int64_t> next;
    bool good = false;
  };
  for (const Case& page : std::vector<Case>{
           {{{4096, 4096}, {12288, 4096}}, 20480, true},
           {{{8192, (1 << 20) - 8192}}, std::nullopt, true},
           {{}, std::nullopt, true},
           {{}, 8192},                          // a page of nothing
           {{{4096, 4096}}, 4096},              // the same again
           {{{0, 1}}, 100},                     // back
           {{{8192, 4096}, {4096, 4096}}, {}},  // the order
           {{{-1, 4096}}, {}},
           {{{4096, 0}}, {}},
           {{{4096, -1}}, {}},
           {{{4096, 1 << 20}}, {}},  // beyond the end
           {{{4096, kMost}}, {}},
           {{{kMost, kMost}}, {}},
           {{{0, 1}, {2, 1}, {4, 1}}, {}},  // more than were asked for
       }) {
    absl::Status answer = absl::UnknownError("none");
    node().ListBlocks({}, {.target = target, .base = nullptr, .offset = 4096, .limit = 2},
                      [&](const auto& told) { answer = told.status(); });
    v1::Result result;
    result.mutable_blocks()->clear_ranges();  // there is a page, whatever is in it
    for (const auto& [offset, length] : page.ranges) {
      v1::BlockRange& range = *result.mutable_blocks()->add_ranges();
      range.set_offset(offset);
      range.set_length(length);
    }
    if (page.next.has_value()) result.mutable_blocks()->set_next_offset(*page.next);
    const std::string text = result.ShortDebugString();
    Answer(*talk, std::move(result));
    EXPECT_THAT(answer, StatusIs(page.good ? absl::StatusCode::kOk : absl::StatusCode::kInternal))
        << text;
  }
}

TEST_F(HostileNodeTest, AnswerBeforeTheQuestionEndsTheStream) {
  const auto talk = Introduce();
  absl::Status answer = absl::UnknownError("none");
  Create("a", answer);
  v1::NodeMessage early;
  early.mutable_result()->set_operation(1);
  early.mutable_result()->mutable_volume()->set_id(IdOf("a"));
  talk->Say(early);
  EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("1")));
  talk->End(absl::OkStatus());
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(HostileNodeTest, CodeThatIsNoneIsAnError) {
  const auto talk = Introduce();
  for (const int code : {-1, 99, 1 << 30, std::numeric_limits<int>::max()}) {
    absl::Status answer;
    Create("a", answer);
    v1::Result result;
    result.mutable_status()->set_code(code);
    Answer(*talk, std::move(result));
    EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnknown)) << code;
  }
}

TEST_F(HostileNodeTest, NodeThatAnswersNothingIsAskedNoMore) {
  const auto talk = Introduce();
  constexpr size_t kMany = 5000;
  size_t answered = 0;
  std::vector<absl::Status> answers(kMany, absl::UnknownError("none"));
  for (absl::Status& answer : answers) {
    Create("a", answer);
    while (talk->Hear().has_value()) continue;
    if (!absl::IsUnknown(answer)) ++answered;
  }
  EXPECT_GT(answered, 0U);
  EXPECT_THAT(answers.back(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("operations to do")));
  talk->End(absl::UnavailableError("the end"));
  for (const absl::Status& answer : answers) EXPECT_TRUE(absl::IsUnavailable(answer)) << answer;
}

// ---- The inventory ----

TEST_F(HostileNodeTest, PoolsThatNoNodeHasEndTheStream) {
  v1::NodeMessage negative;
  AddPool(kPool, -1, *negative.mutable_inventory());
  v1::NodeMessage twice;
  AddPool(kPool, 0, *twice.mutable_inventory());
  AddPool(kPool, 0, *twice.mutable_inventory());
  v1::NodeMessage nonsense;
  AddPool("../pool", 0, *nonsense.mutable_inventory());
  v1::NodeMessage many;
  for (int i = 0; i <= RemotePools::kMaxPools; ++i) {
    AddPool(absl::StrFormat("%032x", i), 0, *many.mutable_inventory());
  }
  for (const v1::NodeMessage& message : {negative, twice, nonsense, many}) {
    const auto talk = Introduce();
    talk->Say(message);
    EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kInvalidArgument));
    // A hello says the same.
    const auto other = Dial();
    v1::NodeMessage hello = Hello();
    *hello.mutable_hello()->mutable_pools() = message.inventory().pools().pools();
    other->Say(hello);
    EXPECT_THAT(other->closed(), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(replica_.hello().pools_size(), 0) << "it was admitted";
  }
}

TEST_F(HostileNodeTest, RoomBeyondAllReasonDoesNotOverflow) {
  const auto talk = Introduce();
  v1::NodeMessage message;
  for (int i = 0; i < RemotePools::kMaxPools; ++i) {
    AddPool(absl::StrFormat("%032x", i), kMost, *message.mutable_inventory());
  }
  talk->Say(message);
  EXPECT_OK(talk->closed());
  ASSERT_OK_AND_ASSIGN(const storage::Capacity capacity, node().GetCapacity({}));
  EXPECT_GT(capacity.maximum_volume, 0);
  EXPECT_GE(capacity.available, capacity.maximum_volume);
}

TEST_F(HostileNodeTest, LessThanNothingEndsTheStream) {
  auto talk = Introduce();
  talk->Say(Volume(IdOf("a"), -1));
  EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(node().FindVolume("a"), nullptr);
  talk = Introduce();
  v1::NodeMessage message;
  nodevol::v1::ObjectState& state = *message.mutable_inventory()->add_objects();
  state.set_kind(nodevol::v1::ObjectState::SNAPSHOT);
  state.set_id(SnapshotId::ForName(kPool, "s").text());
  state.mutable_snapshot()->set_id(state.id());
  state.mutable_snapshot()->set_size_bytes(-1);
  talk->Say(message);
  EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(HostileNodeTest, WhatAnEarlierStreamSaysLateIsNotHeard) {
  const auto earlier = Introduce();
  const auto later = Introduce();
  earlier->Say(Volume(IdOf("a")));
  EXPECT_THAT(earlier->closed(), StatusIs(absl::StatusCode::kAborted, HasSubstr("newer")));
  EXPECT_EQ(node().FindVolume("a"), nullptr);
  earlier->End(absl::OkStatus());
  EXPECT_NE(node().connection(), nullptr);
  later->Say(Volume(IdOf("b")));
  EXPECT_OK(later->closed());
  EXPECT_NE(node().FindVolume("b"), nullptr);
}

// ---- What it costs ----

TEST_F(HostileNodeTest, ClaimOfWhatIsNoNameEndsTheStream) {
  for (const std::string& name : {std::string(), std::string("a"), std::string(1 << 20, 'a')}) {
    const auto talk = Introduce();
    v1::NodeMessage claim;
    claim.mutable_claim()->set_claim(1);
    claim.mutable_claim()->set_name_hash(name);
    talk->Say(claim);
    EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(replica_.claimed(), IsEmpty());
  }
}

TEST_F(HostileNodeTest, NodeThatClaimsAndTakesNoAnswersIsCutOff) {
  const std::string refused = VolumeId::HashOfName("refused");
  replica_.Refuse(refused);
  for (const std::string& hash : {refused, VolumeId::HashOfName("granted")}) {
    const auto talk = Introduce();
    uint64_t claims = 0;
    while (talk->closed().ok() && claims < 100'000) {
      v1::NodeMessage claim;
      claim.mutable_claim()->set_claim(++claims);
      claim.mutable_claim()->set_name_hash(hash);
      talk->Say(claim);
      v1::NodeMessage release;
      release.mutable_release()->set_claim(claims);
      talk->Say(release);
    }
    EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kResourceExhausted));
    talk->End(absl::OkStatus());
    EXPECT_THAT(replica_.claimed(), IsEmpty());
  }
}

TEST_F(HostileNodeTest, NodeThatDoesNotSayHelloIsCutOff) {
  const auto mute = Dial(absl::ZeroDuration());
  mute->session().CancelAbandoned();
  EXPECT_THAT(mute->closed(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("hello")));
  const auto talk = Dial(absl::ZeroDuration());
  talk->Say(Hello());
  talk->session().CancelAbandoned();
  EXPECT_OK(talk->closed());
}

TEST_F(HostileNodeTest, HelloAsLongAsAMessageIsRefused) {
  const std::string text(1 << 20, 'x');
  v1::NodeMessage version = Hello();
  version.mutable_hello()->set_driver_version(text);
  v1::NodeMessage incarnation = Hello();
  incarnation.mutable_hello()->set_incarnation(text);
  v1::NodeMessage value = Hello();
  (*value.mutable_hello()->mutable_topology())["key"] = text;
  v1::NodeMessage segments = Hello();
  for (int i = 0; i < 1000; ++i) {
    (*segments.mutable_hello()->mutable_topology())[absl::StrCat(i)] = "value";
  }
  for (const v1::NodeMessage& message : {version, incarnation, value, segments}) {
    const auto talk = Dial();
    talk->Say(message);
    EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(node().connection(), nullptr);
}

TEST_F(HostileNodeTest, AfterWhatItMustNotSayItIsNotHeard) {
  const auto talk = Dial();
  v1::NodeMessage message = Hello();
  message.mutable_hello()->set_node_name("node-2");
  talk->Say(message);
  EXPECT_THAT(talk->closed(), StatusIs(absl::StatusCode::kPermissionDenied));
  // It had been read when the stream was closed.
  message = Hello();
  message.set_sequence(2);
  talk->session().OnMessage(message);
  EXPECT_EQ(node().connection(), nullptr);
}

TEST_F(HostileNodeTest, KindsAndFieldsOfANewerNodeAreLeftAlone) {
  const auto talk = Introduce();
  v1::NodeMessage newer;
  newer.GetReflection()->MutableUnknownFields(&newer)->AddLengthDelimited(1000, "what is new");
  talk->Say(newer);
  v1::NodeMessage wider = Volume(IdOf("a"));
  nodevol::v1::ObjectState& state = *wider.mutable_inventory()->mutable_objects(0);
  state.GetReflection()->MutableUnknownFields(&state)->AddVarint(1000, 1);
  nodevol::v1::ObjectState& other = *wider.mutable_inventory()->add_objects();
  other.set_id(IdOf("b"));
  other.set_kind(static_cast<nodevol::v1::ObjectState::Kind>(99));
  talk->Say(wider);
  EXPECT_OK(talk->closed());
  EXPECT_NE(node().FindVolume("a"), nullptr);
}

}  // namespace
}  // namespace nodevol::link

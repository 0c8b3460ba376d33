// SPDX-License-Identifier: Apache-2.0
//
// Whoever is between a node and a controller, and can leave out what they say, repeat it, change
// its order, or bring in what was said on another stream: each of it ends the stream, and nothing
// comes of it.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "link/test_replica.h"
#include "link/test_talk.h"
#include "test/support/matchers.h"
#include "test/support/memory_storage.h"

namespace nodevol::link {
namespace {

using nodevol::testing::MemoryStorage;
using nodevol::testing::StatusIs;
using storage::VolumePtr;

enum class Trick { kNone, kLeaveOut, kRepeat, kSwap, kFromAnotherStream };
enum class Side { kNode, kController };

constexpr int kCreates = 6;

// A node and a controller, and who is between them.
class Conversation {
 public:
  // Plays the trick on the message of this number of the side, 0 being the first.
  Conversation(Side side, Trick trick, size_t number)
      : side_(side), trick_(trick), number_(number) {}

  // As others have said it on their stream.
  void BringIn(const Conversation& other) { other_ = &other; }

  // The controller has some volumes made.
  void Run() {
    Carry();
    for (int i = 0; i < kCreates; ++i) {
      nodevol::v1::VolumeRequest request;
      request.set_name(absl::StrCat("v", i));
      replica_.storage().CreateVolume(
          {}, request, [this, i](const absl::StatusOr<VolumePtr>& made) { made_[i] = made.ok(); });
      Carry();
    }
  }
  // Why the end has closed the stream that the messages come to.
  absl::Status ClosedByReceiver() const {
    return side_ == Side::kNode ? at_controller_.closed() : at_node_.closed();
  }
  size_t said(Side side) const {
    return side == Side::kNode ? node_said_.size() : controller_said_.size();
  }
  // Each volume that the controller was told of as made is there, and no other.
  void CheckVolumes() {
    at_controller_.End(absl::UnavailableError("the end"));
    at_node_.End(absl::UnavailableError("the end"));
    for (int i = 0; i < kCreates; ++i) {
      ASSERT_TRUE(made_.contains(i));
      EXPECT_TRUE(!made_[i] || disks_.FindVolume(absl::StrCat("v", i)) != nullptr) << i;
    }
  }

 private:
  void Carry() {
    for (bool some = true; some;) {
      some = false;
      while (std::optional<v1::NodeMessage> message = at_node_.Hear()) {
        some = true;
        node_said_.push_back(*message);
        Pass(Side::kNode, node_said_, held_of_node_,
             other_ == nullptr ? nullptr : &other_->node_said_, at_controller_);
      }
      while (std::optional<v1::ControllerMessage> message = at_controller_.Hear()) {
        some = true;
        controller_said_.push_back(*message);
        Pass(Side::kController, controller_said_, held_of_controller_,
             other_ == nullptr ? nullptr : &other_->controller_said_, at_node_);
      }
    }
  }

  // The last of what was said arrives, unless it is the one to play a trick with.
  template <typename Message, typename Talk>
  void Pass(Side side, const std::vector<Message>& said, std::optional<Message>& held,
            const std::vector<Message>* others, Talk& to) {
    const Message& message = said.back();
    if (side != side_ || said.size() != number_ + 1) {
      to.SayAsIs(message);
      if (held.has_value()) to.SayAsIs(*std::exchange(held, std::nullopt));
      return;
    }
    switch (trick_) {
      case Trick::kLeaveOut:
        return;
      case Trick::kRepeat:
        to.SayAsIs(message);
        to.SayAsIs(message);
        return;
      case Trick::kSwap:
        held = message;
        return;
      case Trick::kFromAnotherStream:
        ASSERT_GT(others->size(), number_);
        to.SayAsIs((*others)[number_]);
        return;
      case Trick::kNone:
        to.SayAsIs(message);
    }
  }

  const Side side_;
  const Trick trick_;
  const size_t number_;
  const Conversation* other_ = nullptr;
  const NodeIdentity identity_ = {"node-1", {}, "test", "one"};
  MemoryStorage disks_{{}};
  ClaimBoard board_;
  TestReplica replica_{"node-1"};
  std::map<int, bool> made_;
  TalkAsController at_node_{
      std::make_shared<NodeSession>(NodeSession::Node{identity_, disks_, disks_, board_})};
  TalkAsNode at_controller_{std::make_shared<ControllerSession>("node-1", "test", replica_)};
  std::vector<v1::NodeMessage> node_said_;
  std::vector<v1::ControllerMessage> controller_said_;
  std::optional<v1::NodeMessage> held_of_node_;
  std::optional<v1::ControllerMessage> held_of_controller_;
};

TEST(StreamOrderTest, WithoutATrickAllIsMade) {
  Conversation conversation(Side::kNode, Trick::kNone, 0);
  conversation.Run();
  EXPECT_OK(conversation.ClosedByReceiver());
  EXPECT_EQ(conversation.said(Side::kController), size_t{1} + kCreates);
  EXPECT_GE(conversation.said(Side::kNode), size_t{1} + 2 * size_t{kCreates});
  conversation.CheckVolumes();
}

class StreamOrderTricks : public ::testing::TestWithParam<std::tuple<Side, Trick>> {};

INSTANTIATE_TEST_SUITE_P(Tricks, StreamOrderTricks,
                         ::testing::Combine(::testing::Values(Side::kNode, Side::kController),
                                            ::testing::Values(Trick::kLeaveOut, Trick::kRepeat,
                                                              Trick::kSwap,
                                                              Trick::kFromAnotherStream)));

TEST_P(StreamOrderTricks, EndTheStream) {
  const auto [side, trick] = GetParam();
  Conversation other(side, Trick::kNone, 0);
  other.Run();
  // The first of all is no message of a stream yet: without it there is none. Of the last nobody
  // can tell that it was left out.
  for (size_t number = 1; number + 1 < other.said(side); ++number) {
    Conversation conversation(side, trick, number);
    conversation.BringIn(other);
    conversation.Run();
    EXPECT_THAT(conversation.ClosedByReceiver(), StatusIs(absl::StatusCode::kPermissionDenied))
        << number;
    conversation.CheckVolumes();
  }
}

}  // namespace
}  // namespace nodevol::link

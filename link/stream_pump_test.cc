// SPDX-License-Identifier: Apache-2.0
//
// How a stream is written and ended, with gRPC's part played by the test: what must not be done to
// it twice, or after its end, and what nobody would ever come back from.
#include "link/stream_pump.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "test/support/matchers.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

// What a pump takes for gRPC's.
class FakeReactor {
 public:
  FakeReactor() = default;
  virtual ~FakeReactor() = default;
  FakeReactor(const FakeReactor&) = delete;
  FakeReactor& operator=(const FakeReactor&) = delete;
  virtual void OnReadDone(bool ok) = 0;
  virtual void OnWriteDone(bool ok) = 0;

  void StartRead(int* into) { reading_ = into; }
  void StartWrite(const int* from) {
    EXPECT_EQ(writing_, nullptr) << "one at a time";
    EXPECT_EQ(ends_, 0) << "it has ended";
    writing_ = from;
  }
  // What is being written; nothing when nothing is.
  [[nodiscard]] std::optional<int> writing() const {
    return writing_ == nullptr ? std::nullopt : std::optional<int>(*writing_);
  }
  void Written(bool ok) {
    ASSERT_NE(std::exchange(writing_, nullptr), nullptr);
    OnWriteDone(ok);
  }
  void Read(int message) {
    ASSERT_NE(reading_, nullptr);
    *std::exchange(reading_, nullptr) = message;
    OnReadDone(true);
  }
  [[nodiscard]] bool reading() const { return reading_ != nullptr; }
  [[nodiscard]] int ends() const { return ends_; }

 protected:
  void CountEnd() {
    EXPECT_EQ(writing_, nullptr) << "something is being written";
    ++ends_;
  }

 private:
  int* reading_ = nullptr;
  const int* writing_ = nullptr;
  int ends_ = 0;
};

class FakeSession final : public StreamUser<int, int> {
 public:
  void OnMessage(int message) override { heard.push_back(message); }
  std::optional<int> TakeNext() override {
    if (when_asked) std::exchange(when_asked, nullptr)();
    if (to_say.empty()) {
      if (when_silent) std::exchange(when_silent, nullptr)();
      return std::nullopt;
    }
    const int next = to_say.front();
    to_say.pop_front();
    return next;
  }
  void OnClosed(const absl::Status& why) override { closed = why; }

  std::deque<int> to_say;
  // What others do just before it says something, and when there was nothing to say.
  std::function<void()> when_asked;
  std::function<void()> when_silent;
  std::deque<int> heard;
  absl::Status closed;
};

class FakeStream final : public StreamPump<FakeReactor, int, int> {
 public:
  explicit FakeStream(std::shared_ptr<FakeSession> session) : StreamPump(std::move(session)) {}
  FakeStream() = default;

  using StreamPump::Adopt;
  using StreamPump::Release;

  void Start() {
    Begin();
    ReadFirst();
  }
  void Done() { Finished(why()); }
  [[nodiscard]] int interrupts() const { return interrupts_; }

  std::function<void()> when_interrupted = [] {};
  bool write_may_outlast_peer = true;

 private:
  void End(const absl::Status& why, Ender) override {
    EXPECT_FALSE(why.ok());
    CountEnd();
  }
  void Interrupt() override {
    EXPECT_EQ(ends(), 0);
    ++interrupts_;
    when_interrupted();
  }
  [[nodiscard]] bool WriteMayOutlastPeer() const override { return write_may_outlast_peer; }

  int interrupts_ = 0;
};

class StreamPumpTest : public ::testing::Test {
 protected:
  void SetUp() override { stream_->Start(); }
  // It holds itself until then.
  void TearDown() override {
    if (session_->closed.ok()) stream_->Done();
  }
  void Say(int message) {
    session_->to_say.push_back(message);
    stream_->Wake();
  }
  static absl::Status Why() { return absl::AbortedError("the test wants it"); }

  const std::shared_ptr<FakeSession> session_ = std::make_shared<FakeSession>();
  const std::shared_ptr<FakeStream> stream_ = std::make_shared<FakeStream>(session_);
};

TEST_F(StreamPumpTest, OneIsWrittenAfterTheOther) {
  for (const int message : {1, 2, 3}) Say(message);
  for (const int message : {1, 2, 3}) {
    EXPECT_EQ(stream_->writing(), message);
    stream_->Written(true);
  }
  EXPECT_FALSE(stream_->writing().has_value());
  Say(4);
  EXPECT_EQ(stream_->writing(), 4);
  stream_->Written(true);
}

TEST_F(StreamPumpTest, WhoWakesItJustWhenItGivesUpIsHeard) {
  session_->when_silent = [this] { Say(1); };
  stream_->Wake();
  EXPECT_EQ(stream_->writing(), 1);
  stream_->Written(true);
}

TEST_F(StreamPumpTest, CloseEndsItOnceAndNothingIsWrittenOrReadAfterIt) {
  stream_->Close(Why());
  EXPECT_EQ(stream_->ends(), 1);
  EXPECT_EQ(stream_->interrupts(), 0);
  stream_->Close(absl::InternalError("another"));
  Say(1);
  EXPECT_FALSE(stream_->writing().has_value());
  stream_->Read(7);
  EXPECT_FALSE(stream_->reading());
  EXPECT_EQ(stream_->ends(), 1);
  stream_->Done();
  EXPECT_THAT(session_->closed, StatusIs(absl::StatusCode::kAborted));
}

TEST_F(StreamPumpTest, CloseInterruptsWhatIsBeingWritten) {
  Say(1);
  stream_->Close(Why());
  EXPECT_EQ(stream_->interrupts(), 1);
  EXPECT_EQ(stream_->ends(), 0) << "while something is being written";
  stream_->Close(Why());
  EXPECT_EQ(stream_->interrupts(), 1);
  stream_->Written(false);
  EXPECT_EQ(stream_->ends(), 1);
  EXPECT_FALSE(stream_->writing().has_value());
}

TEST_F(StreamPumpTest, WriteMayEndWhileItIsInterrupted) {
  Say(1);
  stream_->when_interrupted = [this] { stream_->Written(false); };
  stream_->Close(Why());
  EXPECT_EQ(stream_->ends(), 1);
}

TEST_F(StreamPumpTest, WriteThatSucceedsAllTheSameIsTheLast) {
  Say(1);
  session_->to_say.push_back(2);
  stream_->when_interrupted = [this] { stream_->Written(true); };
  stream_->Close(Why());
  EXPECT_EQ(stream_->ends(), 1);
  EXPECT_FALSE(stream_->writing().has_value());
}

TEST_F(StreamPumpTest, CloseWhileTheSessionIsAskedForMoreEndsItOnce) {
  session_->when_silent = [this] { stream_->Close(Why()); };
  stream_->Wake();
  EXPECT_EQ(stream_->ends(), 1);
  EXPECT_EQ(stream_->interrupts(), 0) << "nothing was being written, and the peer is to hear why";
}

TEST_F(StreamPumpTest, WhatTheSessionSaysWhileItIsClosedIsNotWritten) {
  session_->when_asked = [this] { stream_->Close(Why()); };
  Say(1);
  EXPECT_FALSE(stream_->writing().has_value());
  EXPECT_EQ(stream_->ends(), 1);
  EXPECT_EQ(stream_->interrupts(), 0);
}

TEST_F(StreamPumpTest, PeerThatSendsNoMoreAndReadsNothingDoesNotKeepIt) {
  Say(1);
  stream_->OnReadDone(false);
  EXPECT_EQ(stream_->interrupts(), 1);
  EXPECT_EQ(stream_->ends(), 0);
  stream_->Written(false);
  EXPECT_EQ(stream_->ends(), 1);
  stream_->Done();
  EXPECT_THAT(session_->closed, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ended")));
}

TEST_F(StreamPumpTest, WherePeersTellHowItEndedTheyAreNotInterrupted) {
  stream_->write_may_outlast_peer = false;
  Say(1);
  stream_->OnReadDone(false);
  EXPECT_EQ(stream_->interrupts(), 0);
  EXPECT_EQ(stream_->ends(), 0);
  stream_->Written(false);
  EXPECT_EQ(stream_->ends(), 1);
}

TEST_F(StreamPumpTest, PeerThatEndsWhatIsSilentEndsIt) {
  stream_->OnReadDone(false);
  EXPECT_EQ(stream_->interrupts(), 0);
  EXPECT_EQ(stream_->ends(), 1);
}

TEST_F(StreamPumpTest, WriteThatFailsEndsIt) {
  Say(1);
  session_->to_say.push_back(2);
  stream_->Written(false);
  EXPECT_EQ(stream_->ends(), 1);
  EXPECT_FALSE(stream_->writing().has_value());
  stream_->OnReadDone(false);
  EXPECT_EQ(stream_->ends(), 1);
}

TEST_F(StreamPumpTest, ClosedBetweenAdoptAndReleaseItEndsThenAndTellsWhy) {
  const auto session = std::make_shared<FakeSession>();
  const auto stream = std::make_shared<FakeStream>();
  ASSERT_TRUE(stream->Adopt(session));
  stream->Close(Why());
  EXPECT_EQ(stream->ends(), 0);
  stream->Release();
  EXPECT_EQ(stream->ends(), 1);
  EXPECT_EQ(stream->interrupts(), 0) << "interrupted, the peer does not hear why";
}

TEST_F(StreamPumpTest, ItLivesUntilItIsDone) {
  auto session = std::make_shared<FakeSession>();
  auto stream = std::make_shared<FakeStream>(session);
  stream->Start();
  const std::weak_ptr<FakeStream> known = stream;
  FakeStream* const raw = stream.get();
  stream.reset();
  EXPECT_FALSE(known.expired());
  raw->Close(Why());
  EXPECT_FALSE(known.expired());
  raw->Done();
  EXPECT_TRUE(known.expired());
  EXPECT_FALSE(session->closed.ok());
}

}  // namespace
}  // namespace nodevol::link

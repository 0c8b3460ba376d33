// SPDX-License-Identifier: Apache-2.0
//
// The reactor step by step, gRPC's part played by the test.
#include "rpc/stream_reactor.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "csi/csi.pb.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Message = csi::v1::GetMetadataAllocatedResponse;
using Answer = absl::StatusOr<std::optional<Message>>;

Message Numbered(int64_t number) {
  Message message;
  message.set_volume_capacity_bytes(number);
  return message;
}

// What the reactor asks of gRPC.
class FakeWriter final : public grpc::ServerCallbackWriter<Message> {
 public:
  void Bind(grpc::ServerWriteReactor<Message>* reactor) { BindReactor(reactor); }

  void Finish(grpc::Status status) override { finished.push_back(FromGrpcStatus(status)); }
  void SendInitialMetadata() override {}
  void Write(const Message* message, grpc::WriteOptions) override {
    written.push_back(message->volume_capacity_bytes());
  }
  void WriteAndFinish(const Message*, grpc::WriteOptions, grpc::Status) override { FAIL(); }

  std::vector<int64_t> written;
  std::vector<absl::Status> finished;

 private:
  grpc::internal::ServerReactor* reactor() override { return nullptr; }
  void CallOnDone() override {}
};

class StreamReactorTest : public ::testing::Test {
 protected:
  // Keeps what it is asked until the test answers.
  class Source final : public MessageSource<Message> {
   public:
    explicit Source(StreamReactorTest& test) : test_(test) {}
    ~Source() override { ++test_.sources_gone_; }
    void Next(Callback<std::optional<Message>> done) override {
      ++test_.asked_;
      test_.answer_ = std::move(done);
      if (test_.throws_) throw std::runtime_error("secret detail");
    }

   private:
    StreamReactorTest& test_;
  };

  void SetUp() override {
    reactor_ = new StreamReactor<Message>([this] { return abandoned_; },
                                          [this](const absl::Status& status, int64_t messages) {
                                            observed_.push_back(status);
                                            observed_messages_ = messages;
                                          });
  }
  void TearDown() override {
    // As gRPC does, once all is over.
    ASSERT_EQ(writer_.finished.size(), 1U);
    EXPECT_EQ(sources_gone_, 0);
    reactor_->OnDone();
    EXPECT_EQ(sources_gone_, sources_made_);
    ASSERT_EQ(observed_.size(), 1U);
    EXPECT_EQ(observed_[0].code(), writer_.finished[0].code());
  }

  void Start() {
    ++sources_made_;
    reactor_->Start(std::make_unique<Source>(*this));
    writer_.Bind(reactor_);
  }
  void AnswerWith(Answer answer) {
    std::move (*std::exchange(answer_, std::nullopt))(std::move(answer));
  }
  [[nodiscard]] const absl::Status& Ended() const { return writer_.finished.at(0); }

  bool abandoned_ = false;
  bool throws_ = false;
  int asked_ = 0;
  int sources_made_ = 0;
  int sources_gone_ = 0;
  std::optional<Callback<std::optional<Message>>> answer_;
  std::vector<absl::Status> observed_;
  int64_t observed_messages_ = 0;
  FakeWriter writer_;
  StreamReactor<Message>* reactor_ = nullptr;  // deletes itself
};

TEST_F(StreamReactorTest, NextMessageIsAskedForWhenTheLastIsWritten) {
  Start();
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(asked_, i);
    EXPECT_EQ(writer_.written.size(), static_cast<size_t>(i - 1));
    AnswerWith(Numbered(i));
    EXPECT_EQ(asked_, i) << "one at a time";
    reactor_->OnWriteDone(true);
  }
  EXPECT_THAT(writer_.written, ElementsAre(1, 2, 3));
  EXPECT_THAT(writer_.finished, IsEmpty());
  AnswerWith(std::optional<Message>());
  EXPECT_OK(Ended());
  EXPECT_EQ(observed_messages_, 3);
}

TEST_F(StreamReactorTest, ErrorOfTheSourceEndsTheStreamWithIt) {
  Start();
  AnswerWith(Numbered(1));
  reactor_->OnWriteDone(true);
  AnswerWith(absl::NotFoundError("it was deleted"));
  EXPECT_THAT(Ended(), StatusIs(absl::StatusCode::kNotFound, "it was deleted"));
  EXPECT_EQ(asked_, 2);
}

TEST_F(StreamReactorTest, ErrorBeforeThereIsASourceIsTheAnswer) {
  reactor_->Start(absl::OutOfRangeError("too far"));
  writer_.Bind(reactor_);
  EXPECT_THAT(Ended(), StatusIs(absl::StatusCode::kOutOfRange, "too far"));
  EXPECT_THAT(writer_.written, IsEmpty());
}

TEST_F(StreamReactorTest, FailedWriteEndsTheWork) {
  Start();
  AnswerWith(Numbered(1));
  reactor_->OnWriteDone(false);
  EXPECT_THAT(Ended(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(observed_messages_, 0);
}

TEST_F(StreamReactorTest, ClientThatIsGoneIsNotWorkedFor) {
  Start();
  AnswerWith(Numbered(1));
  abandoned_ = true;
  reactor_->OnWriteDone(true);
  EXPECT_THAT(Ended(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(asked_, 1);
}

TEST_F(StreamReactorTest, ExceptionOfTheSourceIsInternalAndOnlyTheLogTellsMore) {
  throws_ = true;
  ::testing::internal::CaptureStderr();
  Start();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(Ended(), StatusIs(absl::StatusCode::kInternal, HasSubstr("log_id=")));
  EXPECT_THAT(log, HasSubstr("secret detail"));
  // What it answers afterwards goes nowhere.
  AnswerWith(Numbered(1));
  EXPECT_THAT(writer_.written, IsEmpty());
}

}  // namespace
}  // namespace nodevol::rpc

// SPDX-License-Identifier: Apache-2.0
//
// Streams over a socket.
#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

#include "base/executor.h"
#include "rpc/calls.h"
#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "rpc/test_services.h"
#include "test/client/csi_client.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::CsiClient;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using Message = TestSnapshotMetadata::Response;
using Request = TestSnapshotMetadata::Request;
using Answer = absl::StatusOr<std::optional<Message>>;

// The last user of gRPC in a process waits at its end for a thread of gRPC's that may sleep for ten
// seconds; this one never ends.
const auto* const grpc_user = new CsiClient("/nonexistent");

Message Numbered(int64_t number) {
  Message message;
  message.set_volume_capacity_bytes(number);
  return message;
}

// Answers at once with what `next(n)` gives for the n-th question.
class FunctionSource final : public MessageSource<Message> {
 public:
  explicit FunctionSource(std::function<Answer(int)> next) : next_(std::move(next)) {}
  void Next(Callback<std::optional<Message>> done) override { std::move(done)(next_(asked_++)); }

 private:
  const std::function<Answer(int)> next_;
  int asked_ = 0;
};

class StreamCallsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(server_, Server::Start(path_, {&service_})); }

  void StreamOf(std::function<Answer(int)> next) {
    service_.handler = [next = std::move(next)](const auto&, const auto&) {
      return std::make_unique<FunctionSource>(next);
    };
  }
  // Reads until `take` returns false, or the end; what the messages had is in `read_`.
  absl::Status Read(
      const Request& request = {}, const std::function<bool()>& take = [] { return true; },
      absl::Duration timeout = absl::Minutes(1)) {
    CsiClient client(path_, timeout);
    read_.clear();
    return client.Stream<CsiClient::SnapshotMetadata, Request, Message>(
        &CsiClient::SnapshotMetadata::GetMetadataAllocated, request, [&](const Message& message) {
          read_.push_back(message.volume_capacity_bytes());
          return take();
        });
  }

  const ScratchDirectory directory_;
  const std::string path_ = directory_ / "csi.sock";
  Metrics metrics_;
  Calls calls_{metrics_};
  TestSnapshotMetadata service_{calls_};
  std::unique_ptr<Server> server_;
  std::vector<int64_t> read_;
};

TEST_F(StreamCallsTest, AllMessagesAndThenTheEnd) {
  constexpr int kMessages = 500;
  StreamOf([](int n) -> Answer {
    if (n == kMessages) return std::optional<Message>();
    return Numbered(n);
  });
  EXPECT_OK(Read());
  ASSERT_EQ(read_.size(), static_cast<size_t>(kMessages));
  for (int i = 0; i < kMessages; ++i) EXPECT_EQ(read_[static_cast<size_t>(i)], i);
}

TEST_F(StreamCallsTest, MessagesMayComeFromOtherThreads) {
  class ExecutorSource final : public MessageSource<Message> {
   public:
    explicit ExecutorSource(Executor& executor) : executor_(executor) {}
    void Next(Callback<std::optional<Message>> done) override {
      const int n = asked_++;
      EXPECT_TRUE(executor_.TryPost([answer = std::move(done), n]() mutable {
        if (n == 200) return std::move(answer)(std::optional<Message>());
        std::move(answer)(Numbered(n));
      }));
    }

   private:
    Executor& executor_;
    int asked_ = 0;
  };
  Executor executor({.name = "test"});
  service_.handler = [&executor](const auto&, const auto&) {
    return std::make_unique<ExecutorSource>(executor);
  };
  EXPECT_OK(Read());
  EXPECT_EQ(read_.size(), 200U);
}

TEST_F(StreamCallsTest, ErrorAfterMessagesIsNoCleanEnd) {
  StreamOf([](int n) -> Answer {
    if (n == 3) return absl::NotFoundError("it was deleted");
    return Numbered(n);
  });
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kNotFound, "it was deleted"));
  EXPECT_THAT(read_, ElementsAre(0, 1, 2));
}

TEST_F(StreamCallsTest, RefusalAndExceptionAreAnswers) {
  service_.handler = [](const auto&, const auto&) -> absl::StatusOr<TestSnapshotMetadata::Source> {
    return absl::OutOfRangeError("too far");
  };
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kOutOfRange, "too far"));
  service_.handler = [](const auto&, const auto&) -> absl::StatusOr<TestSnapshotMetadata::Source> {
    throw std::runtime_error("secret detail");
  };
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kInternal, HasSubstr("log_id=")));
  StreamOf([](int) -> Answer { throw std::runtime_error("secret detail"); });
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kInternal, HasSubstr("log_id=")));
  EXPECT_THAT(read_, IsEmpty());
}

TEST_F(StreamCallsTest, RequestThatBreaksTheLimitsOpensNothing) {
  service_.handler = [](const auto&, const auto&) -> absl::StatusOr<TestSnapshotMetadata::Source> {
    ADD_FAILURE() << "it was opened";
    return absl::UnknownError("opened");
  };
  for (const std::string& id : {std::string(129, 'x'), std::string("a\0b", 3)}) {
    Request request;
    request.set_snapshot_id(id);
    EXPECT_THAT(Read(request), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

// Sources without an end.
class EndlessStreamTest : public StreamCallsTest {
 protected:
  class EndlessSource final : public MessageSource<Message> {
   public:
    explicit EndlessSource(EndlessStreamTest& test) : test_(test) { ++test_.open_; }
    ~EndlessSource() override { --test_.open_; }
    void Next(Callback<std::optional<Message>> done) override {
      ++test_.asked_;
      std::move(done)(test_.message_);
    }

   private:
    EndlessStreamTest& test_;
  };

  void SetUp() override {
    StreamCallsTest::SetUp();
    service_.handler = [this](const auto&, const auto&) {
      return std::make_unique<EndlessSource>(*this);
    };
  }

  // Returns when nothing is worked on any more.
  void AwaitNoneOpen() const {
    while (open_ > 0) absl::SleepFor(absl::Milliseconds(1));
  }

  Message message_;
  std::atomic<int> asked_ = 0;
  std::atomic<int> open_ = 0;
};

TEST_F(EndlessStreamTest, ClientThatCancelsEndsTheWork) {
  EXPECT_THAT(Read({}, [this] { return read_.size() < 10; }),
              StatusIs(absl::StatusCode::kCancelled));
  AwaitNoneOpen();
}

TEST_F(EndlessStreamTest, DeadlineEndsTheWork) {
  do {  // it may pass before the call has reached the server
    EXPECT_THAT(Read(
                    {}, [] { return true; }, absl::Milliseconds(50)),
                StatusIs(absl::StatusCode::kDeadlineExceeded));
  } while (read_.empty());
  AwaitNoneOpen();
}

TEST_F(EndlessStreamTest, ClientThatDoesNotReadIsNotWorkedForEndlessly) {
  // So that gRPC's buffers are soon full.
  for (int i = 0; i < 1000; ++i) message_.add_block_metadata()->set_size_bytes(1);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto stub = csi::v1::SnapshotMetadata::NewStub(grpc::CreateCustomChannel(
      absl::StrCat("unix://", path_), grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  const auto reader = stub->GetMetadataAllocated(&context, Request());
  Message message;
  ASSERT_TRUE(reader->Read(&message));
  // Whoever works ahead never comes to rest.
  int before = -1;
  while (before != asked_) {
    before = asked_;
    absl::SleepFor(absl::Milliseconds(200));
  }
  EXPECT_EQ(open_, 1);
  context.TryCancel();
  AwaitNoneOpen();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(EndlessStreamTest, StopOfTheServerEndsTheStream) {
  absl::Status ended;
  absl::Notification reading;
  std::thread reader([&] {
    ended = Read({}, [&] {
      if (!reading.HasBeenNotified()) reading.Notify();
      return true;
    });
  });
  reading.WaitForNotification();
  server_->Shutdown(absl::ZeroDuration());
  reader.join();
  EXPECT_FALSE(ended.ok());
  AwaitNoneOpen();
}

TEST_F(StreamCallsTest, OneLineAStreamAndOneCall) {
  StreamOf([](int n) -> Answer {
    if (n == 2) return absl::AbortedError("busy");
    return Numbered(n);
  });
  Request request;
  request.set_snapshot_id("snapshot-1");
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(Read(request), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              MatchesRegex("[^\n]* info answered rpc=GetMetadataAllocated snapshot_id=snapshot-1 "
                           "code=ABORTED ms=[0-9.e+-]+ messages=2 error=busy\n"));
  EXPECT_THAT(
      metrics_.Text(),
      AllOf(HasSubstr("nodevol_rpc_total{code=\"ABORTED\",method=\"GetMetadataAllocated\"} 1\n"),
            HasSubstr("nodevol_rpc_seconds_count{method=\"GetMetadataAllocated\"} 1\n")));
}

}  // namespace
}  // namespace nodevol::rpc

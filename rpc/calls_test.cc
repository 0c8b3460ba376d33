// SPDX-License-Identifier: Apache-2.0
#include "rpc/calls.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

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
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

csi::v1::CreateVolumeRequest Named(const std::string& name) {
  csi::v1::CreateVolumeRequest request;
  request.set_name(name);
  return request;
}

class CallsTest : public ::testing::Test {
 protected:
  void SetUp() override { StartAt(log::Level::kInfo); }
  void TearDown() override {
    for (std::thread& thread : threads_) thread.join();
    server_.reset();
    log::Init(log::Level::kInfo, log::Format::kText);
  }

  // The log's level is set while no thread of the server is there.
  void StartAt(log::Level level) {
    server_.reset();
    log::Init(level, log::Format::kText);
    ASSERT_OK_AND_ASSIGN(server_, Server::Start(path_, {&identity_, &controller_}));
  }

  absl::StatusOr<csi::v1::CreateVolumeResponse> Create(
      const csi::v1::CreateVolumeRequest& request) {
    CsiClient client(path_);
    return client.Call(&CsiClient::Controller::CreateVolume, request);
  }
  void AnswerWith(absl::StatusOr<csi::v1::CreateVolumeResponse> answer) {
    controller_.handler = [answer](const auto&, const auto&, auto done) {
      std::move(done)(answer);
    };
  }
  // What is logged during a call.
  template <typename F>
  static std::string LogOf(F&& call) {
    ::testing::internal::CaptureStderr();
    call();
    return ::testing::internal::GetCapturedStderr();
  }

  const ScratchDirectory directory_;
  const std::string path_ = directory_ / "csi.sock";
  Metrics metrics_;
  Calls calls_{metrics_};
  TestIdentity identity_{calls_};
  TestController controller_{calls_};
  std::unique_ptr<Server> server_;
  std::vector<std::thread> threads_;
};

TEST_F(CallsTest, AnswerIsTheHandlers) {
  AnswerWith(VolumeNamed("id"));
  ASSERT_OK_AND_ASSIGN(const auto response, Create(Named("volume")));
  EXPECT_EQ(response.volume().volume_id(), "id");
  AnswerWith(absl::OutOfRangeError("too large"));
  EXPECT_THAT(Create(Named("volume")), StatusIs(absl::StatusCode::kOutOfRange, "too large"));
}

TEST_F(CallsTest, HandlerMayAnswerFromAnotherThread) {
  controller_.handler = [this](const auto&, const csi::v1::CreateVolumeRequest& request,
                               TestController::Done done) {
    threads_.emplace_back([id = request.name(), answer = std::move(done)]() mutable {
      std::move(answer)(VolumeNamed(id));
    });
  };
  ASSERT_OK_AND_ASSIGN(const auto response, Create(Named("volume")));
  EXPECT_EQ(response.volume().volume_id(), "volume");
}

TEST_F(CallsTest, HandlerThatThrowsIsInternalAndOnlyTheLogTellsMore) {
  controller_.handler = [](const auto&, const auto&, auto) {
    throw std::runtime_error("secret detail");
  };
  absl::Status status;
  const std::string log = LogOf([&] { status = Create(Named("volume")).status(); });
  const std::string message(status.message());
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInternal, MatchesRegex(".* log_id=[0-9a-f]{16}")));
  EXPECT_THAT(message, Not(HasSubstr("secret")));
  EXPECT_THAT(
      log, AllOf(HasSubstr("secret detail"), HasSubstr(message.substr(message.find("log_id=")))));
}

TEST_F(CallsTest, HandlerThatAnsweredBeforeItThrewHasAnswered) {
  controller_.handler = [](const auto&, const auto&, auto done) {
    std::move(done)(VolumeNamed("id"));
    throw std::runtime_error("too late");
  };
  EXPECT_OK(Create(Named("volume")));
}

TEST_F(CallsTest, SecondAnswerOfAHandlerIsDropped) {
  controller_.handler = [](const auto&, const auto&, TestController::Done done) {
    std::move(done)(VolumeNamed("first"));
    // NOLINTNEXTLINE(bugprone-use-after-move): what a broken handler does is what is tested
    std::move(done)(absl::InternalError("second"));
  };
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto response, Create(Named("volume")));
    EXPECT_EQ(response.volume().volume_id(), "first");
  }
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("nodevol_rpc_total{code=\"OK\",method=\"CreateVolume\"} 10\n"));
}

TEST_F(CallsTest, RequestThatBreaksTheLimitsNeverReachesTheHandler) {
  controller_.handler = [](const auto&, const auto&, auto) { FAIL() << "the handler was called"; };
  EXPECT_THAT(Create(Named(std::string(129, 'x'))), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Create(Named(std::string("a\0b", 3))), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(CallsTest, CallerThatGoesAwayIsSeen) {
  absl::Notification seen;
  controller_.handler = [&](const storage::OperationContext& context, const auto&,
                            TestController::Done done) {
    threads_.emplace_back(
        [&seen, abandoned = context.abandoned, answer = std::move(done)]() mutable {
          while (!abandoned()) std::this_thread::yield();
          seen.Notify();
          std::move(answer)(absl::CancelledError("nobody reads this"));
        });
  };
  CsiClient impatient(path_, absl::Milliseconds(50));
  EXPECT_THAT(impatient.Call(&CsiClient::Controller::CreateVolume, Named("volume")),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  seen.WaitForNotification();
}

TEST_F(CallsTest, HandlerKnowsHowLongTheCallerWaits) {
  absl::Duration told;
  controller_.handler = [&told](const storage::OperationContext& context, const auto&,
                                TestController::Done done) {
    told = context.timeout;
    std::move(done)(VolumeNamed("id"));
  };
  CsiClient patient(path_, absl::Minutes(10));
  ASSERT_OK(patient.Call(&CsiClient::Controller::CreateVolume, Named("volume")).status());
  EXPECT_GT(told, absl::Minutes(5));
  EXPECT_LE(told, absl::Minutes(10) + absl::Seconds(1));
  const auto channel = grpc::CreateChannel("unix:" + path_, grpc::InsecureChannelCredentials());
  grpc::ClientContext without_deadline;
  csi::v1::CreateVolumeResponse response;
  ASSERT_TRUE(csi::v1::Controller::NewStub(channel)
                  ->CreateVolume(&without_deadline, Named("volume"), &response)
                  .ok());
  EXPECT_EQ(told, absl::InfiniteDuration());
}

TEST_F(CallsTest, OneLineACallWithIdsAndCode) {
  AnswerWith(absl::AbortedError("busy"));
  const std::string log = LogOf([&] { Create(Named("pvc-1")).IgnoreError(); });
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
  EXPECT_THAT(log, MatchesRegex(".* info answered rpc=CreateVolume name=pvc-1 code=ABORTED "
                                "ms=[0-9.e+-]+ error=busy\n"));
}

TEST_F(CallsTest, TroubleOfOursIsLoggedAsAnError) {
  for (const absl::Status& status :
       {absl::InternalError("x"), absl::DataLossError("x"), absl::UnknownError("x")}) {
    AnswerWith(status);
    EXPECT_THAT(LogOf([&] { Create(Named("v")).IgnoreError(); }), HasSubstr(" error answered "));
  }
}

TEST_F(CallsTest, LongIdsDoNotFillTheLog) {
  AnswerWith(VolumeNamed("id"));
  const std::string log = LogOf([&] { Create(Named(std::string(100000, 'x'))).IgnoreError(); });
  EXPECT_LT(log.size(), 512U);
}

TEST_F(CallsTest, IdCannotForgeALine) {
  AnswerWith(VolumeNamed("id"));
  const std::string log = LogOf([&] { Create(Named("a\nforged")).IgnoreError(); });
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
}

TEST_F(CallsTest, FrequentCallsAreQuiet) {
  CsiClient client(path_);
  const auto probe = [&] {
    client.Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()).IgnoreError();
  };
  EXPECT_THAT(LogOf(probe), IsEmpty());
  identity_.healthy = absl::FailedPreconditionError("no pool");
  EXPECT_THAT(LogOf(probe), HasSubstr("code=FAILED_PRECONDITION"));
}

TEST_F(CallsTest, SecretsAndMountFlagsAreLoggedAtNoLevel) {
  StartAt(log::Level::kDebug);
  csi::v1::CreateVolumeRequest request = Named("pvc-1");
  (*request.mutable_secrets())["canary-key"] = "canary-value";
  request.add_volume_capabilities()->mutable_mount()->add_mount_flags("canary-flag");
  (*request.mutable_parameters())["pool"] = "ssd";
  for (const absl::StatusOr<csi::v1::CreateVolumeResponse>& answer :
       {absl::StatusOr<csi::v1::CreateVolumeResponse>(VolumeNamed("id")),
        absl::StatusOr<csi::v1::CreateVolumeResponse>(absl::InternalError("x"))}) {
    AnswerWith(answer);
    const std::string log = LogOf([&] { Create(request).IgnoreError(); });
    EXPECT_THAT(log, AllOf(HasSubstr("debug call rpc=CreateVolume"), HasSubstr("pvc-1"),
                           HasSubstr("ssd"), Not(HasSubstr("canary"))));
  }
}

TEST_F(CallsTest, CallsAreCounted) {
  AnswerWith(VolumeNamed("id"));
  ASSERT_OK(Create(Named("volume")));
  ASSERT_THAT(Create(Named("a\x7f")), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      metrics_.Text(),
      AllOf(HasSubstr("nodevol_rpc_total{code=\"OK\",method=\"CreateVolume\"} 1\n"),
            HasSubstr("nodevol_rpc_total{code=\"INVALID_ARGUMENT\",method=\"CreateVolume\"} 1\n"),
            HasSubstr("nodevol_rpc_seconds_count{method=\"CreateVolume\"} 2\n")));
}

}  // namespace
}  // namespace nodevol::rpc

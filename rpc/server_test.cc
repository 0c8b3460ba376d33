// SPDX-License-Identifier: Apache-2.0
#include "rpc/server.h"

#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"

#include "rpc/scratch_directory.h"
#include "rpc/test_services.h"
#include "rpc/unix_listener.h"
#include "test/client/csi_client.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::CsiClient;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMiB = 1 << 20;

// A request of about this size, of the kind that is large in life: many topologies.
csi::v1::CreateVolumeRequest RequestOf(int64_t bytes) {
  csi::v1::CreateVolumeRequest request;
  request.set_name("volume");
  csi::v1::Topology topology;
  for (char key = 'a'; key <= 'z'; ++key) {
    (*topology.mutable_segments())[std::string(1, key)] = std::string(120, key);
  }
  const int64_t each = static_cast<int64_t>(topology.ByteSizeLong());
  for (int64_t size = 0; size < bytes; size += each) {
    *request.mutable_accessibility_requirements()->add_requisite() = topology;
  }
  return request;
}

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    controller_.handler = [](const auto&, const csi::v1::CreateVolumeRequest& request, auto done) {
      std::move(done)(VolumeNamed(request.name()));
    };
    ASSERT_OK_AND_ASSIGN(server_, Server::Start(path_, {&identity_, &controller_}));
  }

  static absl::Status Probe(CsiClient& client) {
    return client.Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()).status();
  }
  static absl::Status Create(CsiClient& client, const csi::v1::CreateVolumeRequest& request) {
    return client.Call(&CsiClient::Controller::CreateVolume, request).status();
  }

  const ScratchDirectory directory_;
  const std::string path_ = directory_ / "csi.sock";
  Metrics metrics_;
  Calls calls_{metrics_};
  TestIdentity identity_{calls_};
  TestController controller_{calls_};
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersOnItsSocketAndRemovesItAtTheEnd) {
  CsiClient client(path_);
  EXPECT_OK(Probe(client));
  EXPECT_THAT(directory_.Names(), ElementsAre("csi.sock"));
  server_.reset();
  EXPECT_THAT(directory_.Names(), IsEmpty());
}

TEST_F(ServerTest, ManyConnectionsAtOnceAreServed) {
  constexpr int kThreads = 8;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this] {
      for (int connection = 0; connection < 10; ++connection) {
        CsiClient client(path_);
        EXPECT_OK(Probe(client));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ServerTest, LargeRequestPasses) {
  CsiClient client(path_);
  EXPECT_OK(Create(client, RequestOf(5 * kMiB)));
}

TEST_F(ServerTest, LargeResponsePasses) {
  controller_.handler = [](const auto&, const auto&, auto done) {
    csi::v1::CreateVolumeResponse response;
    *response.mutable_volume()->mutable_accessible_topology() =
        RequestOf(5 * kMiB).accessibility_requirements().requisite();
    std::move(done)(std::move(response));
  };
  CsiClient client(path_);
  EXPECT_OK(Create(client, RequestOf(0)));
}

TEST_F(ServerTest, RequestBeyondTheLimitIsRefusedWithoutHarm) {
  CsiClient client(path_);
  EXPECT_THAT(Create(client, RequestOf(17 * kMiB)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("larger than max")));
  EXPECT_OK(Create(client, RequestOf(kMiB)));
  EXPECT_OK(Probe(client));
}

TEST_F(ServerTest, MethodThatIsNotServedIsUnimplemented) {
  CsiClient client(path_);
  EXPECT_THAT(client.Call(&CsiClient::Node::NodeGetInfo, csi::v1::NodeGetInfoRequest()),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(ServerTest, PathThatCannotBeUsedIsAnError) {
  std::ofstream(directory_ / "file") << "precious";
  EXPECT_THAT(Server::Start(directory_ / "file", {&identity_}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ServerTest, NewServerTakesTheSocketOver) {
  CsiClient old_client(path_);
  EXPECT_OK(Probe(old_client));
  TestIdentity other(calls_);
  other.healthy = absl::FailedPreconditionError("the other one");
  ASSERT_OK_AND_ASSIGN(const auto newer, Server::Start(path_, {&other}));
  EXPECT_OK(Probe(old_client));  // its connection is the older server's
  server_.reset();
  CsiClient client(path_);
  EXPECT_THAT(Probe(client), StatusIs(absl::StatusCode::kFailedPrecondition, "the other one"));
}

TEST_F(ServerTest, AfterStopAcceptingOpenConnectionsGoOn) {
  CsiClient before(path_);
  ASSERT_OK(Probe(before));
  server_->StopAccepting();
  EXPECT_OK(Probe(before));
  CsiClient after(path_, absl::Seconds(5));
  EXPECT_THAT(Probe(after), StatusIs(absl::StatusCode::kUnavailable));
}

// A call that is under way until the test lets it end.
class PendingCall {
 public:
  explicit PendingCall(TestController& controller, const std::string& path) {
    controller.handler = [this](const storage::OperationContext& context, const auto&,
                                TestController::Done done) {
      abandoned = context.abandoned;
      done_ = std::move(done);
      started_.Notify();
    };
    thread_ = std::thread([this, path] {
      CsiClient client(path);
      result = Create(client);
    });
    started_.WaitForNotification();
  }
  void Finish() { std::move(done_)(VolumeNamed("volume")); }
  void Join() { thread_.join(); }

  std::function<bool()> abandoned;
  absl::Status result;

 private:
  static absl::Status Create(CsiClient& client) {
    return client.Call(&CsiClient::Controller::CreateVolume, RequestOf(0)).status();
  }

  absl::Notification started_;
  TestController::Done done_;
  std::thread thread_;
};

TEST_F(ServerTest, ShutdownLetsARunningCallFinish) {
  PendingCall call(controller_, path_);
  server_->StopAccepting();
  std::thread shutdown([this] { server_->Shutdown(absl::Minutes(1)); });
  EXPECT_FALSE(call.abandoned());
  call.Finish();
  call.Join();
  EXPECT_OK(call.result);
  shutdown.join();
}

TEST_F(ServerTest, ShutdownCancelsWhatDoesNotEndInTime) {
  PendingCall call(controller_, path_);
  std::thread shutdown([this] { server_->Shutdown(absl::ZeroDuration()); });
  call.Join();  // the client is told although the handler has not answered
  EXPECT_FALSE(call.result.ok());
  while (!call.abandoned()) std::this_thread::yield();
  call.Finish();
  shutdown.join();
}

TEST_F(ServerTest, ProbeEndpointSaysWhatAClientSees) {
  EXPECT_OK(ProbeEndpoint(path_, absl::Minutes(1)));
  identity_.healthy = absl::FailedPreconditionError("no pool can be used");
  EXPECT_THAT(ProbeEndpoint(path_, absl::Minutes(1)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "no pool can be used"));
  server_.reset();
  EXPECT_THAT(ProbeEndpoint(path_, absl::Minutes(1)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(path_)));
}

TEST_F(ServerTest, ProbeEndpointGivesUpOnASocketThatStaysSilent) {
  const std::string silent = directory_ / "silent.sock";
  ASSERT_OK_AND_ASSIGN(const auto listener, UnixListener::Bind(silent));  // nobody accepts
  EXPECT_THAT(ProbeEndpoint(silent, absl::Milliseconds(50)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("does not answer")));
}

}  // namespace
}  // namespace nodevol::rpc

// SPDX-License-Identifier: Apache-2.0
//
// SIGTERM, and what a new process finds: nothing is cut off, and pods notice nothing.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "test/client/driver_process.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/held_call.h"
#include "test/support/http_request.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using ::testing::HasSubstr;

template <typename Fixture>
class ShutdownFixture : public Fixture {
 protected:
  using Fixture::client;
  using Fixture::node;

  [[nodiscard]] std::string SocketPath() const { return node().driver().socket_path(); }
  [[nodiscard]] bool SocketExists() const { return ::access(SocketPath().c_str(), F_OK) == 0; }
  [[nodiscard]] absl::Status AwaitSocketGone() const {
    return Eventually([this] {
      return SocketExists() ? absl::DeadlineExceededError("the socket is there") : absl::OkStatus();
    });
  }
  static absl::Status Probe(VolumeClient& client) {
    return client.csi().Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()).status();
  }
};

class SocketTest : public ShutdownFixture<ServiceFixture> {
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartNode({.ground = DirectoryOnBtrfs()})); }
};

class ShutdownTest : public ShutdownFixture<GroundFixture> {
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartNode({.ground = GetParam()})); }
};
INSTANTIATE_FOR_GROUNDS(ShutdownTest, DirectoryOnBtrfs(), ImageOnXfs(), BlockOnExt4());

TEST_P(ShutdownTest, CallThatRunsIsFinished) {
  ASSERT_OK_AND_ASSIGN(HeldCall held, HeldCall::Begin(node().driver().pid(),
                                                      {.name = "renameat2",
                                                       .number = SYS_renameat2,
                                                       .threads = "p-",
                                                       .trace = node().directory() + "/trace"}));
  absl::StatusOr<std::string> created;
  std::thread creator([&] { created = node().CreateVolume("volume"); });
  EXPECT_OK(held.AwaitHeld());
  EXPECT_EQ(::kill(node().driver().pid(), SIGTERM), 0);
  // It accepts nobody any more, and waits.
  EXPECT_OK(AwaitSocketGone());
  EXPECT_EQ(::kill(node().driver().pid(), 0), 0);
  held.Release();
  creator.join();
  EXPECT_OK(created);
  EXPECT_EQ(node().driver().Wait(), 0);
  ASSERT_OK(node().Start());
  csi::v1::ControllerGetVolumeRequest request;
  request.set_volume_id(created.value_or(""));
  EXPECT_OK(client().csi().Call(&CsiClient::Controller::ControllerGetVolume, request));
}

TEST_P(ShutdownTest, PublishedVolumesAreServedOn) {
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("volume"));
  const Pod pod(id, node().directory(), "pod");
  ASSERT_OK(pod.Start(client()));
  ASSERT_OK(pod.Write("before", "before"));
  ASSERT_OK(node().Stop());
  EXPECT_THAT(pod.Read("before", 6), IsOkAndHolds("before"));
  EXPECT_OK(pod.Write("meanwhile", "meanwhile"));
  ASSERT_OK(node().Start());
  EXPECT_THAT(pod.Read("meanwhile", 9), IsOkAndHolds("meanwhile"));
  EXPECT_OK(client().Stats(id, pod.target()));
  EXPECT_OK(pod.Start(client())) << "a repeated call";
  EXPECT_THAT(client().Delete(id), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_OK(pod.Stop(client()));
  EXPECT_OK(client().Delete(id));
  EXPECT_OK(CheckPoolEmpty(node().disk()));
}

TEST_F(SocketTest, IdleDriverEndsWithZeroAndTakesItsSocketAway) {
  EXPECT_TRUE(SocketExists());
  EXPECT_OK(Probe(client()));
  EXPECT_OK(node().Stop());
  EXPECT_FALSE(SocketExists());
}

TEST_F(SocketTest, NodeThatIsAskedForItsMetricsAllTheTimeEndsWell) {
  ASSERT_OK(node().Stop());
  const uint16_t port = FreePort();
  DriverProcess::Options options = node().DriverOptions();
  for (const char* const flag : {"--role=node", "--controller=127.0.0.1:1", "--link-ca=/none",
                                 "--link-cert=/none", "--link-key=/none"}) {
    options.more_flags.emplace_back(flag);
  }
  options.more_flags.push_back(absl::StrCat("--metrics-address=127.0.0.1:", port));
  std::atomic<bool> over = false;
  std::thread asking([&] {
    while (!over) AskHttp(port, "GET /metrics");
  });
  constexpr int kTimes = 10;
  for (int i = 0; i < kTimes; ++i) {
    absl::StatusOr<DriverProcess> driver = DriverProcess::Start(options);
    EXPECT_OK(driver);
    if (!driver.ok()) break;
    EXPECT_THAT(AskHttp(port, "GET /metrics"), HasSubstr("nodevol_link_controllers"));
    EXPECT_OK(driver->Stop());
  }
  over = true;
  asking.join();
}

TEST_F(SocketTest, SocketOfAKilledDriverIsReplaced) {
  node().driver().Kill();
  EXPECT_TRUE(SocketExists());
  ASSERT_OK(node().Start());
  EXPECT_OK(Probe(client()));
}

TEST_F(SocketTest, SocketOfANewerDriverIsLeftAlone) {
  // An update: the new process, with a pool of its own here, takes the socket over.
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk,
                       TestFilesystem::Create({.type = node().ground().pool_filesystem}));
  DriverProcess::Options options = node().DriverOptions();
  options.pools = {absl::StrCat("q=", disk.path())};
  options.log_path = node().directory() + "/log-of-the-newer";
  ASSERT_OK_AND_ASSIGN(DriverProcess newer, DriverProcess::Spawn(options));
  // Asked at the socket, the old one would answer.
  ASSERT_OK(Eventually([&newer] {
    return absl::StrContains(newer.Log(), "serving")
               ? absl::OkStatus()
               : absl::DeadlineExceededError("the newer driver does not serve");
  }));
  EXPECT_OK(Probe(client())) << "who is connected to the old one stays so";
  EXPECT_OK(node().Stop());
  EXPECT_TRUE(SocketExists());
  VolumeClient client_of_newer(SocketPath(), node().ground().volume_class);
  EXPECT_OK(Probe(client_of_newer));
  EXPECT_OK(newer.Stop());
  EXPECT_FALSE(SocketExists());
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include "rpc/http_server.h"

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/support/http_request.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::AskHttp;
using nodevol::testing::BeginHttp;
using nodevol::testing::FreePort;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// One server for all: stopping one takes civetweb two seconds.
class HttpServerTest : public ::testing::Test {
 protected:
  struct World {
    const uint16_t port = FreePort();
    Metrics metrics;
    absl::Status live;
    absl::Status ready;
    std::unique_ptr<HttpServer> server;
  };

  static void SetUpTestSuite() {
    world = new World;
    ASSERT_OK_AND_ASSIGN(world->server, HttpServer::Start(
                                            Address(), world->metrics, [] { return world->live; },
                                            [] { return world->ready; }));
  }
  static void TearDownTestSuite() {
    world->server.reset();
    EXPECT_EQ(Get("/healthz"), "") << "it still answers";
    delete world;
  }
  void TearDown() override { world->live = world->ready = absl::OkStatus(); }

  static std::string Address() { return absl::StrCat("127.0.0.1:", world->port); }
  static std::string Get(const std::string& path) {
    return AskHttp(world->port, absl::StrCat("GET ", path));
  }

  static inline World* world = nullptr;
};

TEST_F(HttpServerTest, MetricsAreServedAsPrometheusWantsThem) {
  world->metrics.ObserveCall("Probe", absl::StatusCode::kOk, absl::ZeroDuration());
  EXPECT_THAT(Get("/metrics"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                    HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
                    HasSubstr("nodevol_rpc_total{code=\"OK\",method=\"Probe\"} 1\n")));
}

TEST_F(HttpServerTest, HealthIsOkOr503WithTheReason) {
  EXPECT_THAT(Get("/healthz"), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\nok\n")));
  world->live = absl::UnavailableError("the socket does not answer");
  EXPECT_THAT(Get("/healthz"), AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                                     EndsWith("\r\n\r\nthe socket does not answer\n")));
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerTest, ReadinessIsAskedEachTimeAndApartFromHealth) {
  world->ready = absl::UnavailableError("pool \"ssd\" is faulted");
  EXPECT_THAT(Get("/readyz"),
              AllOf(StartsWith("HTTP/1.1 503 "), EndsWith("pool \"ssd\" is faulted\n")));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
  world->ready = absl::OkStatus();
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200 "));
}

// Whoever may reach the port could otherwise have kubelet restart the driver.
TEST_F(HttpServerTest, HealthIsAnsweredBesideClientsThatSendNothingMore) {
  std::vector<UniqueFd> slow;
  for (int i = 0; i < 8; ++i) slow.push_back(BeginHttp(world->port));
  EXPECT_THAT(Get("/healthz"), HasSubstr(" 200 "));
  // They were still being waited for.
  for (const UniqueFd& client : slow) {
    char byte = 0;
    EXPECT_EQ(::recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
  }
}

TEST_F(HttpServerTest, NothingElseIsServed) {
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get("/etc/passwd"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get("/../../etc/passwd"), Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(AskHttp(world->port, "POST /metrics"), Not(StartsWith("HTTP/1.1 200")));
}

TEST_F(HttpServerTest, PortInUseIsSaid) {
  EXPECT_THAT(HttpServer::Start(Address(), world->metrics, nullptr, nullptr),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(Address()), HasSubstr("another process"))));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST(CheckHttpAddressTest, NumericAddressAndPort) {
  for (const char* const good : {"127.0.0.1:9808", "0.0.0.0:1", "[::1]:65535", "[::]:80"}) {
    EXPECT_OK(CheckHttpAddress(good)) << good;
  }
}

TEST(CheckHttpAddressTest, AnythingElseIsRefusedWithTheRemedy) {
  for (const char* const bad : {"",
                                ":",
                                "9808",
                                ":9808",
                                "127.0.0.1",
                                "127.0.0.1:",
                                "127.0.0.1:0",
                                "127.0.0.1:65536",
                                "127.0.0.1:-1",
                                "127.0.0.1:+80",
                                "127.0.0.1: 80",
                                "127.0.0.1:80 ",
                                "127.0.0.1:80s",
                                "127.0.0.1:9808,127.0.0.1:9809",
                                "localhost:9808",
                                "::1:9808",
                                "[::1]",
                                "[::1:9808",
                                "::1]:9808",
                                "[127.0.0.1]:9808",
                                "127.0.0.256:9808",
                                "[fe80::1%eth0]:9808"}) {
    EXPECT_THAT(CheckHttpAddress(bad),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("such as 127.0.0.1:9808")))
        << bad;
  }
}

}  // namespace
}  // namespace nodevol::rpc

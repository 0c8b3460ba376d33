// SPDX-License-Identifier: Apache-2.0
#include "rpc/accept_loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/clock.h"

#include "base/monotonic.h"
#include "base/unique_fd.h"
#include "host/descriptor_limit.h"
#include "rpc/tcp_listener.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

// More than a queue of a thousand has room for.
constexpr size_t kHerd = 3000;

size_t LongestQueue() {
  std::ifstream file("/proc/sys/net/core/somaxconn");
  size_t length = 0;
  file >> length;
  return length;
}

UniqueFd BeginToConnect(uint16_t port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  EXPECT_TRUE(connected == 0 || errno == EINPROGRESS);
  return socket;
}

bool IsConnected(const UniqueFd& socket) {
  sockaddr_in peer = {};
  socklen_t size = sizeof(peer);
  return ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

bool Eventually(const std::function<bool()>& condition) {
  const absl::Duration deadline = MonotonicNow() + absl::Minutes(1);
  while (!condition()) {
    if (MonotonicNow() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

TEST(AcceptLoopTest, HerdWaitsInTheQueueAndIsAccepted) {
  ASSERT_OK_AND_ASSIGN(const uint64_t descriptors, host::RaiseDescriptorLimit());
  if (LongestQueue() < kHerd || descriptors < 2 * kHerd) {
    GTEST_SKIP() << "the kernel's queue has " << LongestQueue() << " places, this process "
                 << descriptors << " descriptors";
  }
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<AcceptLoop> loop, ListenTcp({"127.0.0.1", 0}, "herd"));
  ASSERT_OK_AND_ASSIGN(const uint16_t port, PortOf(loop->socket()));
  std::vector<UniqueFd> herd;
  for (size_t i = 0; i < kHerd; ++i) herd.push_back(BeginToConnect(port));
  // Nobody accepts yet: whom the queue has no room for is not connected, however long one waits.
  EXPECT_TRUE(Eventually([&herd] { return std::all_of(herd.begin(), herd.end(), IsConnected); }));
  std::atomic<size_t> accepted = 0;
  loop->Start([&accepted](const UniqueFd&) { ++accepted; });
  EXPECT_TRUE(Eventually([&accepted] { return accepted == kHerd; }));
  loop->Stop();
  EXPECT_EQ(accepted.load(), kHerd);
}

}  // namespace
}  // namespace nodevol::rpc

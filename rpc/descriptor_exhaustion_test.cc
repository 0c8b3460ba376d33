// SPDX-License-Identifier: Apache-2.0
//
// gRPC's own listener of this version goes deaf for ever after one EMFILE in accept
// (CVE-2023-4785). That ours does not is what it was written for.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"

#include "base/log.h"
#include "base/unique_fd.h"
#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "rpc/test_services.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

// Where the test's own words go while LogReader has the standard error.
int complaints = STDERR_FILENO;

// Ends the child with a message when `holds` is false: its exit code is the test's result.
void Require(bool holds, const char* what) {
  if (holds) return;
  ::dprintf(complaints, "%s: %s\n", what, std::strerror(errno));
  ::_exit(1);
}

// Reads what the process logs, line by line.
class LogReader {
 public:
  LogReader() {
    std::array<int, 2> ends = {};
    Require(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe");
    read_ = UniqueFd(ends[0]);
    original_ = UniqueFd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    complaints = original_.get();
    Require(::dup2(ends[1], STDERR_FILENO) >= 0, "dup2");
    ::close(ends[1]);
  }
  ~LogReader() {
    ::dup2(original_.get(), STDERR_FILENO);
    complaints = STDERR_FILENO;
  }

  void AwaitLineWith(const std::string& text) {
    std::string line;
    for (char c = 0; ::read(read_.get(), &c, 1) == 1;) {
      if (c != '\n') {
        line += c;
      } else if (absl::StrContains(line, text)) {
        return;
      } else {
        line.clear();
      }
    }
    Require(false, "the log ended");
  }

 private:
  UniqueFd read_;
  UniqueFd original_;
};

std::vector<UniqueFd> TakeAllDescriptors() {
  std::vector<UniqueFd> taken;
  while (true) {
    UniqueFd fd(::dup(STDERR_FILENO));
    if (!fd.valid()) break;
    taken.push_back(std::move(fd));
  }
  Require(errno == EMFILE, "take descriptors");
  return taken;
}

// An HTTP/2 client by hand, since gRPC's would need descriptors of its own at the wrong moment.
class RawClient {
 public:
  RawClient() : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}

  void Connect(const std::string& path) const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    Require(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
            "connect");
    const std::string hello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 24 + 9);
    Require(
        ::write(socket_.get(), hello.data(), hello.size()) == static_cast<ssize_t>(hello.size()),
        "say hello");
  }
  [[nodiscard]] bool HasAnswer() const {
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
  }
  // The server's SETTINGS frame.
  void AwaitAnswer() const {
    const timeval patience = {60, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    char byte = 0;
    Require(::recv(socket_.get(), &byte, 1, 0) == 1, "the server stays deaf");
  }

 private:
  UniqueFd socket_;
};

void RehearseCall(const std::string& path, Calls& calls) {
  TestIdentity identity(calls);
  const auto server = Server::Start(path, {&identity});
  Require(server.ok() && ProbeEndpoint(path, absl::Minutes(1)).ok(), "serve");
}

[[noreturn]] void ServeThroughAnExhaustion() {
  const ScratchDirectory directory;
  const std::string path = directory / "csi.sock";
  Metrics metrics;
  Calls calls(metrics);
  // UBSan needs a pipe to look at an object of a type that it has not seen yet, and without one
  // takes it for broken. Here it sees all that takes part in a call, to its very end.
  RehearseCall(path, calls);
  TestIdentity identity(calls);
  const auto server = Server::Start(path, {&identity});
  Require(server.ok(), "serve");
  constexpr rlim_t kDescriptors = 100;
  const rlimit limit = {kDescriptors, kDescriptors};
  Require(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
  {
    const std::array<RawClient, 3> clients;
    std::optional<LogReader> log(std::in_place);
    std::vector<UniqueFd> taken = TakeAllDescriptors();
    for (const RawClient& client : clients) client.Connect(path);
    // That accept has failed is what makes this a test.
    log->AwaitLineWith("can't accept a connection now");
    log.reset();
    // A connection that was still ending may have left its descriptor to the first.
    Require(!clients.back().HasAnswer(), "an answer although no descriptor was left");
    taken.clear();
    for (const RawClient& client : clients) client.AwaitAnswer();
  }
  Require(ProbeEndpoint(path, absl::Minutes(1)).ok(), "serve again");
  ::_exit(0);
}

TEST(DescriptorExhaustionDeathTest, WhoConnectedMeanwhileIsServedWhenItIsOver) {
  // A process of its own: the limit holds for all of one.
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(ServeThroughAnExhaustion(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace nodevol::rpc

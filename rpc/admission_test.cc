// SPDX-License-Identifier: Apache-2.0
//
// Whom a server talks to, whatever became of its socket's mode.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "rpc/test_services.h"
#include "rpc/unix_listener.h"
#include "test/client/csi_client.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::CsiClient;
using nodevol::testing::IsOkAndHolds;

constexpr uid_t kNobody = 65534;

enum Seen { kTalks = 0, kClosed = 1, kNotConnected = 2 };

// What a process of this user sees when it connects: a gRPC server speaks first.
int SeenBy(uid_t user, const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(user) != 0 || ::setuid(user) != 0) ::_exit(kNotConnected);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      ::_exit(kNotConnected);
    }
    char byte = 0;
    ::_exit(::read(socket, &byte, 1) == 1 ? kTalks : kClosed);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WEXITSTATUS(status);
}

class AdmissionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be another user too";
  }
  void Start(Admission admission) {
    ASSERT_OK_AND_ASSIGN(server_, Server::Start(path_, {&identity_}, admission));
    // Somebody was careless.
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  }

  const ScratchDirectory directory_;
  const std::string path_ = directory_ / "admin.sock";
  Metrics metrics_;
  Calls calls_{metrics_};
  TestIdentity identity_{calls_};
  std::unique_ptr<Server> server_;
};

TEST_F(AdmissionTest, ByTheSocketsModeEverybodyWhoCanOpenIt) {
  Start(Admission::kSocketMode);
  EXPECT_EQ(SeenBy(kNobody, path_), kTalks);
  EXPECT_EQ(SeenBy(0, path_), kTalks);
}

TEST_F(AdmissionTest, RootAloneWhateverTheMode) {
  Start(Admission::kRoot);
  EXPECT_EQ(SeenBy(kNobody, path_), kClosed);
  EXPECT_EQ(SeenBy(0, path_), kTalks);
  CsiClient client(path_);
  EXPECT_OK(client.Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()));
}

TEST_F(AdmissionTest, PeerIsWhoeverConnected) {
  int pair[2] = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_THAT(PeerUser(pair[0]), IsOkAndHolds(::geteuid()));
  ::close(pair[0]);
  ::close(pair[1]);
  EXPECT_FALSE(PeerUser(-1).ok());
}

}  // namespace
}  // namespace nodevol::rpc

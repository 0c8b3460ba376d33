// SPDX-License-Identifier: Apache-2.0
//
// Connections until the process has no descriptor left: it waits, and answers when some are free.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"

#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

constexpr rlim_t kDescriptors = 64;

class DescriptorExhaustionTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = DirectoryOnBtrfs()}));
    ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("volume"));
    pod_.emplace(id, node().directory(), "pod");
    ASSERT_OK(pod_->Start(client()));
    const rlimit limit = {kDescriptors, kDescriptors};
    ASSERT_EQ(::prlimit(node().driver().pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
  }

  UniqueFd Connect() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const std::string path = node().driver().socket_path();
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }
  absl::Status AwaitExhausted() {
    return Eventually([this] {
      return absl::StrContains(node().driver().Log(), "can't accept a connection now")
                 ? absl::OkStatus()
                 : absl::DeadlineExceededError("no accept has failed");
    });
  }
  absl::Status UseService(VolumeClient& client) {
    RETURN_IF_ERROR(client.Stats(pod_->volume_id(), pod_->target()).status());
    ASSIGN_OR_RETURN(const csi::v1::Volume made, client.Create("another", 0));
    return client.Delete(made.volume_id());
  }

  std::optional<Pod> pod_;
};

TEST_F(DescriptorExhaustionTest, AnswersAgainWhenItIsOver) {
  const pid_t pid = node().driver().pid();
  std::vector<UniqueFd> connections;
  for (rlim_t i = 0; i < 2 * kDescriptors; ++i) connections.push_back(Connect());
  ASSERT_OK(AwaitExhausted());
  connections.clear();
  VolumeClient anew(node().driver().socket_path(), node().ground().volume_class);
  EXPECT_OK(UseService(anew));
  EXPECT_OK(UseService(client())) << "who was connected before";
  EXPECT_EQ(node().driver().pid(), pid);
}

TEST_F(DescriptorExhaustionTest, CallsMeanwhileFailWithoutATrace) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan looks at an object's type through a pipe: without one it takes all for "
                  "wrong";
#endif
  std::vector<UniqueFd> connections;
  for (rlim_t i = 0; i < 2 * kDescriptors; ++i) connections.push_back(Connect());
  ASSERT_OK(AwaitExhausted());
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(client().Create("cut short", 0), StatusIs(absl::StatusCode::kUnavailable));
  }
  connections.clear();
  // The driver has to see first that they are gone; until then a CO retries.
  EXPECT_OK(Eventually([this] {
    const absl::Status stopped = pod_->Stop(client());
    // UNAVAILABLE means elsewhere that the driver has ended, and ends the wait.
    return absl::IsUnavailable(stopped) ? absl::InternalError(stopped.message()) : stopped;
  }));
  EXPECT_OK(client().Delete(pod_->volume_id()));
  EXPECT_OK(CheckPoolEmpty(node().disk()));
}

}  // namespace
}  // namespace nodevol::testing

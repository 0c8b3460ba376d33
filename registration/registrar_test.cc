// SPDX-License-Identifier: Apache-2.0
//
// The registration as kubelet sees it: it dials the socket, asks, and tells what came of it.
#include "registration/registrar.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "absl/time/clock.h"

#include "base/monotonic.h"
#include "base/unique_fd.h"
#include "rpc/scratch_directory.h"
#include "test/support/fake_kubelet.h"
#include "test/support/matchers.h"

namespace nodevol::registration {
namespace {

using nodevol::testing::FakeKubelet;
using nodevol::testing::StatusIs;
using pluginregistration::PluginInfo;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kDriver[] = "csi.nodevol.io";
constexpr char kEndpoint[] = "/var/lib/kubelet/plugins/csi.nodevol.io/csi.sock";
constexpr absl::Duration kPatience = absl::Seconds(30);

class RegistrarTest : public ::testing::Test {
 protected:
  std::unique_ptr<Registrar> Start(absl::Duration offer_again_after = absl::Hours(1)) {
    absl::StatusOr<std::unique_ptr<Registrar>> registrar =
        Registrar::Start({.directory = directory_.path(),
                          .driver_name = kDriver,
                          .endpoint = kEndpoint,
                          .check_interval = absl::Milliseconds(10),
                          .offer_again_after = offer_again_after});
    EXPECT_OK(registrar);
    return *std::move(registrar);
  }
  [[nodiscard]] bool SocketExists() const { return ::access(socket_.c_str(), F_OK) == 0; }
  // When the socket was put there; a new one may have the number of the old one's inode.
  [[nodiscard]] absl::Time Made() const {
    struct stat info = {};
    return ::stat(socket_.c_str(), &info) == 0 ? absl::TimeFromTimespec(info.st_ctim)
                                               : absl::InfinitePast();
  }

  const rpc::ScratchDirectory directory_;
  const std::string socket_ = directory_ / "csi.nodevol.io-reg.sock";
};

TEST_F(RegistrarTest, TellsKubeletWhereTheDriverIs) {
  const auto registrar = Start();
  ASSERT_OK_AND_ASSIGN(const PluginInfo info, FakeKubelet(socket_).Ask());
  EXPECT_EQ(info.type(), "CSIPlugin");
  EXPECT_EQ(info.name(), kDriver);
  EXPECT_EQ(info.endpoint(), kEndpoint);
  EXPECT_THAT(info.supported_versions(), ElementsAre("1.0.0"));
}

TEST_F(RegistrarTest, KnowsWhatKubeletHasMadeOfIt) {
  const auto registrar = Start();
  EXPECT_FALSE(registrar->registered());
  FakeKubelet kubelet(socket_);
  EXPECT_OK(kubelet.Tell(true, ""));
  EXPECT_TRUE(registrar->registered());
  EXPECT_OK(kubelet.Tell(false, "the node's name is another"));
  EXPECT_FALSE(registrar->registered());
}

TEST_F(RegistrarTest, SocketThatWasRemovedComesBack) {
  const auto registrar = Start();
  ASSERT_OK(FakeKubelet(socket_).Tell(true, ""));
  ASSERT_EQ(::unlink(socket_.c_str()), 0);
  const absl::Duration deadline = MonotonicNow() + kPatience;
  while (!SocketExists() && MonotonicNow() < deadline) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_OK(FakeKubelet(socket_).Ask());
  // Kubelet has taken it out meanwhile, and has not asked again yet.
  EXPECT_FALSE(registrar->registered());
}

// A kubelet before 1.36 never asks a socket again that it has refused.
TEST_F(RegistrarTest, SocketThatWasRefusedIsExchanged) {
  const auto registrar = Start(/*offer_again_after=*/absl::Milliseconds(20));
  const absl::Time first = Made();
  ASSERT_OK(FakeKubelet(socket_).Tell(false, "the API server does not answer"));
  const absl::Duration deadline = MonotonicNow() + kPatience;
  while (Made() <= first && MonotonicNow() < deadline) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_GT(Made(), first);
  ASSERT_OK(FakeKubelet(socket_).Tell(true, ""));
  EXPECT_TRUE(registrar->registered());
}

TEST_F(RegistrarTest, SocketIsLeftAloneWhereKubeletHasTakenItAfterAll) {
  const auto registrar = Start(/*offer_again_after=*/absl::Milliseconds(20));
  FakeKubelet kubelet(socket_);
  const absl::Time first = Made();
  ASSERT_OK(kubelet.Tell(true, ""));
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(Made(), first);
  EXPECT_TRUE(registrar->registered());
}

TEST_F(RegistrarTest, RefusedDriverDoesNotTakeANewerOnesPlace) {
  const auto refused = Start(/*offer_again_after=*/absl::Milliseconds(20));
  FakeKubelet kubelet(socket_);
  ASSERT_OK(kubelet.Ask());
  const auto newer = Start();
  const absl::Time theirs = Made();
  ASSERT_OK(kubelet.Tell(false, "the node's name is another"));
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(Made(), theirs);
}

TEST_F(RegistrarTest, KubeletSeesNoOtherSocket) {
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ASSERT_GE(::inotify_add_watch(watch.get(), directory_.path().c_str(), IN_CREATE | IN_MOVED_TO),
            0);
  Start().reset();
  std::array<char, 4096> events = {};
  const ssize_t size = ::read(watch.get(), events.data(), events.size());
  ASSERT_GT(size, 0);
  int seen = 0;
  for (ssize_t at = 0; at < size;) {
    inotify_event event = {};
    std::memcpy(&event, &events.at(static_cast<size_t>(at)), sizeof(event));
    const std::string name(&events.at(static_cast<size_t>(at) + sizeof(event)));
    // Names that begin with a dot it passes over.
    EXPECT_TRUE(name == "csi.nodevol.io-reg.sock" || name.front() == '.') << name;
    ++seen;
    at += static_cast<ssize_t>(sizeof(event) + event.len);
  }
  EXPECT_EQ(seen, 2);
}

TEST_F(RegistrarTest, EndTakesTheSocketAwayAndNotThatOfANewerDriver) {
  auto registrar = Start();
  auto newer = Start();
  registrar.reset();
  EXPECT_OK(FakeKubelet(socket_).Ask());
  newer.reset();
  EXPECT_THAT(directory_.Names(), IsEmpty());
}

TEST_F(RegistrarTest, DirectoryThatIsNotThereIsNotMade) {
  const std::string missing = directory_ / "plugins_registry";
  EXPECT_THAT(
      Registrar::Start({.directory = missing, .driver_name = kDriver, .endpoint = kEndpoint}),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(missing)));
  EXPECT_THAT(directory_.Names(), IsEmpty());
}

TEST_F(RegistrarTest, DirectoryThatHasGoneIsNotMadeAgain) {
  const std::string gone = directory_ / "plugins_registry";
  ASSERT_EQ(::mkdir(gone.c_str(), 0700), 0);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registrar> registrar,
                       Registrar::Start({.directory = gone,
                                         .driver_name = kDriver,
                                         .endpoint = kEndpoint,
                                         .check_interval = absl::Milliseconds(1)}));
  ASSERT_OK(FakeKubelet(gone + "/csi.nodevol.io-reg.sock").Tell(true, ""));
  ASSERT_EQ(::rename(gone.c_str(), (directory_ / "elsewhere").c_str()), 0);
  // By then it has looked.
  const absl::Duration deadline = MonotonicNow() + kPatience;
  while (registrar->registered() && MonotonicNow() < deadline)
    absl::SleepFor(absl::Milliseconds(1));
  absl::SleepFor(absl::Milliseconds(10));
  EXPECT_FALSE(registrar->registered());
  EXPECT_THAT(directory_.Names(), ElementsAre("elsewhere"));
}

}  // namespace
}  // namespace nodevol::registration

// SPDX-License-Identifier: Apache-2.0
#include "rpc/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "rpc/scratch_directory.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// An unconnected socket and the errno of connecting it, 0 when that worked.
std::pair<UniqueFd, int> Connect(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int failed =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return {std::move(socket), failed == 0 ? 0 : errno};
}

// Answers a connection with one character, where the client is still there, and closes it.
void Greet(const UniqueFd& connection, char greeting) {
  ::send(connection.get(), &greeting, 1, MSG_NOSIGNAL);
}

// The character that whoever listens at the path answers with; 0 when nobody does.
char Greeting(const std::string& path) {
  const auto [socket, error] = Connect(path);
  char greeting = 0;
  if (error == 0 && ::read(socket.get(), &greeting, 1) != 1) greeting = 0;
  return greeting;
}

class UnixListenerTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<UnixListener> Listen(char greeting) const {
    absl::StatusOr<std::unique_ptr<UnixListener>> listener = UnixListener::Bind(path_);
    EXPECT_OK(listener);
    if (!listener.ok()) return nullptr;
    (*listener)->Start([greeting](UniqueFd fd) { Greet(fd, greeting); });
    return *std::move(listener);
  }

  const ScratchDirectory directory_;
  const std::string path_ = directory_ / "csi.sock";
};

TEST_F(UnixListenerTest, HandsConnectionsOn) {
  const auto listener = Listen('a');
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Greeting(path_), 'a');
}

TEST_F(UnixListenerTest, SocketIsRootsAloneAndNothingIsBesideIt) {
  const auto listener = Listen('a');
  struct stat info = {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  EXPECT_THAT(directory_.Names(), ElementsAre("csi.sock"));
}

TEST_F(UnixListenerTest, StopRemovesTheSocketAndMayBeRepeated) {
  const auto listener = Listen('a');
  listener->Stop();
  EXPECT_THAT(directory_.Names(), IsEmpty());
  EXPECT_EQ(Connect(path_).second, ENOENT);
  listener->Stop();
}

TEST_F(UnixListenerTest, WhoConnectsBeforeTheStartWaits) {
  ASSERT_OK_AND_ASSIGN(const auto listener, UnixListener::Bind(path_));
  const auto [early, error] = Connect(path_);
  ASSERT_EQ(error, 0);
  listener->Start([](UniqueFd fd) { Greet(fd, 'a'); });
  char greeting = 0;
  EXPECT_EQ(::read(early.get(), &greeting, 1), 1);
  EXPECT_EQ(greeting, 'a');
}

TEST_F(UnixListenerTest, ListenerThatNeverStartedEnds) {
  EXPECT_OK(UnixListener::Bind(path_));
  EXPECT_THAT(directory_.Names(), IsEmpty());
}

TEST_F(UnixListenerTest, StaleSocketIsReplaced) {
  {
    // What a killed process leaves.
    const UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    ASSERT_EQ(::bind(stale.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ASSERT_EQ(Connect(path_).second, ECONNREFUSED);
  const auto listener = Listen('a');
  EXPECT_EQ(Greeting(path_), 'a');
}

TEST_F(UnixListenerTest, NewerListenerTakesOverAndTheOlderLeavesItsSocket) {
  auto older = Listen('a');
  const auto newer = Listen('b');
  EXPECT_EQ(Greeting(path_), 'b');
  older->Stop();
  older.reset();
  EXPECT_EQ(Greeting(path_), 'b');
  EXPECT_THAT(directory_.Names(), ElementsAre("csi.sock"));
}

TEST_F(UnixListenerTest, NobodyIsTurnedAwayDuringAReplacement) {
  auto current = Listen('a');
  absl::Notification done;
  std::atomic<int> tries = 0;
  int refused = 0;
  std::thread client([&] {
    for (; !done.HasBeenNotified(); ++tries) refused += Connect(path_).second == 0 ? 0 : 1;
  });
  for (int i = 0; i < 50; ++i) {
    auto next = Listen('b');
    current.swap(next);
    // The kernel looks a path up before it connects: who had found the older socket may still be on
    // the way to it, but nobody who comes after.
    const int seen = tries;
    while (tries < seen + 2) std::this_thread::yield();
  }
  done.Notify();
  client.join();
  EXPECT_EQ(refused, 0);
}

TEST_F(UnixListenerTest, RegularFileIsRefusedAndLeft) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(UnixListener::Bind(path_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(path_)));
  std::stringstream content;
  content << std::ifstream(path_).rdbuf();
  EXPECT_EQ(content.str(), "precious");
  EXPECT_THAT(directory_.Names(), ElementsAre("csi.sock"));
}

TEST_F(UnixListenerTest, DirectoryIsRefusedAndLeft) {
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  EXPECT_THAT(UnixListener::Bind(path_), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(directory_.Names(), ElementsAre("csi.sock"));
}

TEST_F(UnixListenerTest, SymbolicLinkIsRefusedAndLeftEvenToASocket) {
  const std::string other = directory_ / "other.sock";
  ASSERT_OK_AND_ASSIGN(const auto listener, UnixListener::Bind(other));
  ASSERT_EQ(::symlink(other.c_str(), path_.c_str()), 0);
  EXPECT_THAT(UnixListener::Bind(path_), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(directory_.Names(), ElementsAre("csi.sock", "other.sock"));
}

TEST_F(UnixListenerTest, MissingDirectoryIsMadeForRootAlone) {
  ASSERT_OK_AND_ASSIGN(const auto listener, UnixListener::Bind(directory_ / "new/csi.sock"));
  struct stat made = {};
  ASSERT_EQ(::stat((directory_ / "new").c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777, 0700U);
}

TEST_F(UnixListenerTest, SeveralMissingDirectoriesAreAnErrorWithTheRemedy) {
  EXPECT_THAT(UnixListener::Bind(directory_ / "none/none/csi.sock"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("make it")));
  EXPECT_THAT(directory_.Names(), IsEmpty());
}

TEST_F(UnixListenerTest, LongestPathThatParsesCanBeBound) {
  std::string path = absl::StrCat(directory_.path(), "/");
  while (ParseEndpoint(absl::StrCat("unix://", path, "x")).ok()) path += 'x';
  EXPECT_GE(path.size(), 80U);
  ASSERT_OK_AND_ASSIGN(const auto listener, UnixListener::Bind(path));
  EXPECT_EQ(Connect(path).second, 0);
}

TEST_F(UnixListenerTest, PathThatIsTooLongIsRefusedBeforeAnythingIsMade) {
  EXPECT_THAT(UnixListener::Bind(directory_ / std::string(200, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(directory_.Names(), IsEmpty());
}

TEST(ParseEndpointTest, UnixAndAnAbsolutePath) {
  EXPECT_THAT(ParseEndpoint("unix:///run/csi.sock"), IsOkAndHolds("/run/csi.sock"));
}

TEST(ParseEndpointTest, AnythingElseIsRefusedWithTheRemedy) {
  for (const char* const bad :
       {"", "/run/csi.sock", "unix:/run/csi.sock", "unix://", "unix://csi.sock",
        "unix://./csi.sock", "tcp://0.0.0.0:10000", "UNIX:///run/csi.sock", "unix-abstract:csi"}) {
    EXPECT_THAT(ParseEndpoint(bad), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("unix:///run/nodevol/csi.sock")))
        << bad;
  }
  EXPECT_THAT(ParseEndpoint(absl::StrCat("unix:///", std::string(200, 'x'))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("201 bytes")));
}

}  // namespace
}  // namespace nodevol::rpc

// SPDX-License-Identifier: Apache-2.0
//
// Streams that do not end as they began: clients that go, or stay and do not read, snapshots that
// are deleted, a driver that stops. None of them ends well without having told all.
#include "test/service/snapshot_stream.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "test/client/ground.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/held_call.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using ::testing::AnyOf;

constexpr int64_t kBlock = 4096;

UniqueFd SocketAt(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

// A socket whose one client speaks through it to the driver, until the connection is cut: what the
// driver sees of a client that was killed.
class Connection {
 public:
  Connection(const std::string& path, const std::string& driver_path) {
    sockaddr_un address;
    listener_ = SocketAt(path, address);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    driver_ = SocketAt(driver_path, address);
    EXPECT_EQ(::connect(driver_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    to_driver_ = std::thread([this] {
      client_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      to_client_ = std::thread([this] { Pass(driver_.get(), client_.get()); });
      Pass(client_.get(), driver_.get());
    });
  }
  ~Connection() {
    Cut();
    ::shutdown(client_.get(), SHUT_RDWR);
    to_driver_.join();
    to_client_.join();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Cut() const { ::shutdown(driver_.get(), SHUT_RDWR); }

 private:
  static void Pass(int from, int to) {
    std::array<char, 4096> buffer = {};
    ssize_t got = 0;
    while ((got = ::read(from, buffer.data(), buffer.size())) > 0) {
      if (::send(to, buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL) != got) break;
    }
    ::shutdown(to, SHUT_RDWR);
  }

  UniqueFd listener_;
  UniqueFd driver_;
  UniqueFd client_;
  std::thread to_driver_;
  std::thread to_client_;
};

// A volume with two snapshots, between which every second block has changed.
class SnapshotStreamTest : public GroundFixture {
 protected:
  // More than a page of the storage has, and more than gRPC takes from a server that nobody reads
  // from, when each has a message of its own.
  static constexpr int64_t kRanges = 4096 + 512;

  void SetUp() override {
    Ground ground = GetParam();
    ground.volume_bytes = 2 * kRanges * kBlock;
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = ground}));
    ASSERT_OK_AND_ASSIGN(volume_, node().CreateVolume("volume"));
    ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot base, client().Snapshot("base", volume_));
    const Pod pod(volume_, node().directory(), "pod");
    ASSERT_OK(pod.Start(client()));
    {
      ASSERT_OK_AND_ASSIGN(const UniqueFd device, host::OpenPath(pod.target(), O_RDWR));
      const std::string block(kBlock, 'x');
      for (int64_t i = 0; i < kRanges; ++i) {
        ASSERT_EQ(::pwrite(device.get(), block.data(), block.size(), 2 * i * kBlock), kBlock);
      }
    }
    ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot target, client().Snapshot("target", volume_));
    ASSERT_OK(pod.Stop(client()));
    request_ = {.base_id = base.snapshot_id(), .target_id = target.snapshot_id(), .max_results = 1};
  }

  [[nodiscard]] std::string SocketPath() const { return node().driver().socket_path(); }
  // Waits for the driver's line about a stream that ended so.
  absl::Status AwaitLogged(const std::string& code) {
    return Eventually([&]() -> absl::Status {
      const std::string log = node().driver().Log();
      for (const absl::string_view line : absl::StrSplit(log, '\n')) {
        if (absl::StrContains(line, "rpc=GetMetadataDelta") &&
            absl::StrContains(line, absl::StrCat("code=", code, " "))) {
          return absl::OkStatus();
        }
      }
      return absl::DeadlineExceededError(log);
    });
  }
  // Holds the reading of extent maps.
  absl::StatusOr<HeldCall> HoldReading() {
    return HeldCall::Begin(node().driver().pid(), {.name = "ioctl",
                                                   .number = SYS_ioctl,
                                                   .threads = "p-bulk",
                                                   .trace = node().directory() + "/trace"});
  }

  std::string volume_;
  StreamRequest request_;
};
INSTANTIATE_FOR_GROUNDS(SnapshotStreamTest, BlockOnXfs(), BlockOnBtrfs());

TEST_P(SnapshotStreamTest, AllIsToldWhenItIsRead) {
  SnapshotStream stream(SocketPath(), request_);
  EXPECT_OK(stream.ReadAll());
  EXPECT_EQ(stream.ranges().size(), static_cast<size_t>(kRanges));
  EXPECT_EQ(stream.messages(), kRanges);
}

TEST_P(SnapshotStreamTest, CancelEndsIt) {
  SnapshotStream stream(SocketPath(), request_);
  EXPECT_TRUE(stream.ReadMessage());
  stream.Cancel();
  EXPECT_THAT(stream.ReadAll(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_OK(AwaitLogged("CANCELLED"));
}

TEST_P(SnapshotStreamTest, DeadlineEndsItWhileTheDiskIsRead) {
  ASSERT_OK_AND_ASSIGN(HeldCall held, HoldReading());
  {
    SnapshotStream stream(SocketPath(), request_, absl::Milliseconds(500));
    EXPECT_OK(held.AwaitHeld());
    EXPECT_THAT(stream.ReadAll(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  }
  held.Release();
  EXPECT_OK(AwaitLogged("CANCELLED"));
}

TEST_P(SnapshotStreamTest, ClientThatIsGoneEndsIt) {
  const std::string path = node().directory() + "/through.sock";
  const Connection connection(path, SocketPath());
  SnapshotStream stream(path, request_);
  EXPECT_TRUE(stream.ReadMessage());
  connection.Cut();
  EXPECT_OK(AwaitLogged("CANCELLED"));
  EXPECT_FALSE(stream.ReadAll().ok());
  ::unlink(path.c_str());
}

TEST_P(SnapshotStreamTest, ClientsThatDoNotReadHoldNothingUp) {
  // More than the pool has workers for such things.
  std::vector<std::unique_ptr<SnapshotStream>> streams;
  for (int i = 0; i < 12; ++i) {
    streams.push_back(std::make_unique<SnapshotStream>(SocketPath(), request_));
    EXPECT_TRUE(streams.back()->ReadMessage());
  }
  EXPECT_OK(client().Snapshot("another", volume_));
  EXPECT_OK(client().Restore("restored", request_.target_id));
  EXPECT_OK(client().Delete(volume_));
  for (const std::unique_ptr<SnapshotStream>& stream : streams) {
    EXPECT_OK(stream->ReadAll());
    EXPECT_EQ(stream->ranges().size(), static_cast<size_t>(kRanges));
  }
}

TEST_P(SnapshotStreamTest, DeletedSnapshotEndsItWithAnError) {
  SnapshotStream of_base(SocketPath(), request_);
  SnapshotStream of_target(SocketPath(), {.target_id = request_.target_id, .max_results = 1});
  EXPECT_TRUE(of_base.ReadMessage());
  EXPECT_TRUE(of_target.ReadMessage());
  ASSERT_OK(client().DeleteSnapshot(request_.base_id));
  // The delete may have been on its way when the storage was asked.
  EXPECT_THAT(of_base.ReadAll(),
              AnyOf(StatusIs(absl::StatusCode::kNotFound), StatusIs(absl::StatusCode::kAborted)));
  EXPECT_LT(of_base.ranges().size(), static_cast<size_t>(kRanges));
  // What it does not need may go.
  EXPECT_OK(of_target.ReadAll());
}

TEST_P(SnapshotStreamTest, StopOfTheDriverEndsItWithAnError) {
  SnapshotStream stream(SocketPath(), request_);
  EXPECT_TRUE(stream.ReadMessage());
  // It ends well, although nobody reads.
  EXPECT_OK(node().Stop());
  EXPECT_FALSE(stream.ReadAll().ok());
  EXPECT_LT(stream.ranges().size(), static_cast<size_t>(kRanges));
}

}  // namespace
}  // namespace nodevol::testing

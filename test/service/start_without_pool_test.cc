// SPDX-License-Identifier: Apache-2.0
//
// The right disk or no disk: a pool that can't be opened is left as it is, the driver says why and
// serves without it, also when it is the only one, and takes it when it has come.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/client/driver_process.h"
#include "test/client/volume_client.h"
#include "test/service/admin_command.h"
#include "test/service/pod.h"
#include "test/service/pool_listing.h"
#include "test/service/service_fixture.h"
#include "test/support/http_request.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StartWithoutPoolTest : public ServiceFixture {
 protected:
  // Starts a driver that is to serve without any of these pools, each time on a log of its own.
  void StartWith(std::vector<std::string> pools, std::vector<std::string> flags = {}) {
    ::unlink(LogPath().c_str());
    port_ = FreePort();
    flags.push_back(absl::StrCat("--metrics-address=127.0.0.1:", port_));
    ASSERT_OK_AND_ASSIGN(DriverProcess driver,
                         DriverProcess::Start({.pools = std::move(pools),
                                               .socket_path = directory_ + "/csi.sock",
                                               .log_path = LogPath(),
                                               .more_flags = std::move(flags)}));
    driver_.emplace(std::move(driver));
    client_.emplace(driver_->socket_path(), VolumeClass());
  }
  void MakeDisk(host::FilesystemType type) {
    ASSERT_OK_AND_ASSIGN(TestFilesystem disk, TestFilesystem::Create({.type = type}));
    disk_.emplace(std::move(disk));
  }
  TestFilesystem& disk() { return *disk_; }
  void StartOn(const std::string& pool_path, std::vector<std::string> flags = {}) {
    StartWith({absl::StrCat("p=", pool_path)}, std::move(flags));
  }
  // The pool is not there, for a reason that the log, the probe of readiness and a create all say;
  // the process is well all the same.
  template <typename Matcher>
  void ExpectWithoutPool(const Matcher& why) {
    EXPECT_THAT(Log(), AllOf(HasSubstr("a pool can't be opened; it is tried again"), why));
    EXPECT_THAT(AskHttp(port_, "GET /readyz"), AllOf(HasSubstr(" 503 "), why));
    EXPECT_THAT(AskHttp(port_, "GET /healthz"), HasSubstr(" 200 "));
    EXPECT_THAT(client_->Create("volume", kBytes).status(),
                StatusIs(absl::StatusCode::kResourceExhausted, why));
  }
  [[nodiscard]] std::string Log() const { return driver_->Log(); }
  // It is, without another start.
  void ExpectPool() {
    ASSERT_OK(Eventually([this] { return client_->Create("volume", kBytes).status(); }));
    EXPECT_THAT(AskHttp(port_, "GET /readyz"), HasSubstr(" 200 "));
  }

  void TearDown() override {
    client_.reset();
    if (driver_.has_value()) {
      EXPECT_OK(driver_->Stop());
    }
    driver_.reset();
    disk_.reset();
    ServiceFixture::TearDown();
    ::unlink(LogPath().c_str());
    ::rmdir(directory_.c_str());
  }

 private:
  static constexpr int64_t kBytes = 32 * kMiB;

  [[nodiscard]] std::string LogPath() const { return directory_ + "/log"; }

  const std::string directory_ = NewDirectory();
  std::optional<TestFilesystem> disk_;
  uint16_t port_ = 0;
  std::optional<DriverProcess> driver_;
  std::optional<VolumeClient> client_;
};

TEST_F(StartWithoutPoolTest, UnpreparedUntilItIsPrepared) {
  ASSERT_NO_FATAL_FAILURE(MakeDisk(host::FilesystemType::kBtrfs));
  ASSERT_NO_FATAL_FAILURE(StartOn(disk().path()));
  ExpectWithoutPool(AllOf(HasSubstr(disk().path()), HasSubstr("not prepared as a pool"),
                          HasSubstr("nodevol pool init"), HasSubstr("--create-pools")));
  EXPECT_THAT(ListPool(disk().path()), IsEmpty());
  EXPECT_THAT(RunCommand({"pool", "init", disk().path()}), EndedWith(0, HasSubstr("--pool=")));
  ExpectPool();
}

TEST_F(StartWithoutPoolTest, SomebodysFilesAreLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(MakeDisk(host::FilesystemType::kBtrfs));
  ASSERT_EQ(::mkdir((disk().path() + "/photos").c_str(), 0700), 0);
  const std::vector<std::string> before = ListPool(disk().path());
  ASSERT_NO_FATAL_FAILURE(StartOn(disk().path(), {"--create-pools"}));
  ExpectWithoutPool(AllOf(HasSubstr("neither a pool nor empty"), HasSubstr("photos"),
                          HasSubstr("name an empty directory")));
  EXPECT_EQ(ListPool(disk().path()), before);
}

TEST_F(StartWithoutPoolTest, DiskThatIsMountedLater) {
  ASSERT_NO_FATAL_FAILURE(MakeDisk(host::FilesystemType::kXfs));
  ASSERT_OK(disk().Unmount());
  ASSERT_NO_FATAL_FAILURE(StartOn(disk().path(), {"--create-pools"}));
  ExpectWithoutPool(HasSubstr("use xfs, ext4 or btrfs"));
  EXPECT_THAT(ListPool(disk().path()), IsEmpty());
  ASSERT_OK(disk().Mount());
  ExpectPool();
}

TEST_F(StartWithoutPoolTest, DirectoryThatIsMissing) {
  ASSERT_NO_FATAL_FAILURE(StartOn("/mnt/no/such/pool", {"--create-pools"}));
  ExpectWithoutPool(AllOf(HasSubstr("/mnt/no/such/pool"), HasSubstr("is its disk mounted?")));
  EXPECT_NE(::access("/mnt/no", F_OK), 0);
}

TEST_F(StartWithoutPoolTest, TwoOfTwo) {
  ASSERT_NO_FATAL_FAILURE(StartWith({"bad=/mnt/no/such/pool", "worse=/mnt/no/other"}));
  ExpectWithoutPool(HasSubstr("/mnt/no/such/pool"));
  EXPECT_THAT(Log(), AllOf(HasSubstr("pool \\\"bad\\\""), HasSubstr("pool \\\"worse\\\"")));
}

TEST_F(StartWithoutPoolTest, OneOfTwo) {
  ASSERT_NO_FATAL_FAILURE(
      StartNode({.ground = DirectoryOnBtrfs(), .more_flags = {"--pool=bad=/mnt/no/such/pool"}}));
  EXPECT_THAT(node().driver().Log(), HasSubstr("pool \\\"bad\\\""));
  EXPECT_OK(node().CreateVolume("volume"));
}

// The mount point of a disk that is not mounted is an empty directory of the node's own disk.
class UnmountedPoolTest : public StartWithoutPoolTest {
 protected:
  void SetUp() override {
    std::string path = "/var/tmp/nodevol-mount-point-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    mount_point_ = path;
  }
  void TearDown() override {
    StartWithoutPoolTest::TearDown();
    EXPECT_THAT(ListPool(mount_point_), IsEmpty());
    EXPECT_EQ(::rmdir(mount_point_.c_str()), 0);
  }

  std::string mount_point_;
};

TEST_F(UnmountedPoolTest, FillsNotTheRootDisk) {
  ASSERT_NO_FATAL_FAILURE(StartOn(mount_point_));
  ExpectWithoutPool(AllOf(HasSubstr("no filesystem is mounted here"), HasSubstr(mount_point_),
                          HasSubstr("mount the disk")));
}

TEST_F(UnmountedPoolTest, NotEvenWithCreatePools) {
  ASSERT_NO_FATAL_FAILURE(StartOn(mount_point_, {"--create-pools"}));
  ExpectWithoutPool(HasSubstr("no filesystem is mounted here"));
}

// What kubelet asks for before a pod, or its node, can go.
class DiskThatIsGoneTest : public GroundFixture {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartNode({.ground = GetParam()})); }
};
INSTANTIATE_FOR_GROUNDS(DiskThatIsGoneTest, DirectoryOnBtrfs(), ImageOnXfs());

TEST_P(DiskThatIsGoneTest, ItsPodsEndOnADriverThatStartedWithoutIt) {
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("volume"));
  const Pod pod(id, node().directory(), "pod");
  ASSERT_OK(pod.Start(client()));
  const Leftovers before_end = Leftovers::Now();
  node().driver().Kill();
  ASSERT_OK(node().disk().Unmount());
  ASSERT_OK(node().Start());
  EXPECT_THAT(node().driver().Log(), HasSubstr("a pool can't be opened; it is tried again"));
  EXPECT_OK(pod.Stop(client()));
  EXPECT_LT(Leftovers::Now().mounts, before_end.mounts);
  EXPECT_THAT(client().Delete(id), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(node().disk().Mount());
  EXPECT_OK(Eventually([&] {
    return client().Delete(id).ok() ? absl::OkStatus() : absl::InternalError("it is not back");
  }));
}

}  // namespace
}  // namespace nodevol::testing

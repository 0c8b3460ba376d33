// SPDX-License-Identifier: Apache-2.0
//
// The commands that work on a pool's files: init and check.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"

#include "proto/admin.pb.h"
#include "test/service/admin_command.h"
#include "test/service/pool_listing.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PoolInitTest : public ServiceFixture {
 protected:
  static CommandResult Init(const TestFilesystem& disk, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"pool", "init", disk.path()};
    words.insert(words.end(), more.begin(), more.end());
    return RunCommand(words);
  }
};

TEST_F(PoolInitTest, PreparesAndSaysWhatThePoolCanDo) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem btrfs,
                       TestFilesystem::Create({.type = host::FilesystemType::kBtrfs}));
  EXPECT_THAT(Init(btrfs, {"--name", "fast"}),
              EndedWith(0, AllOf(HasSubstr(btrfs.path() + " is a pool now"), HasSubstr("UUID"),
                                 HasSubstr("filesystem   btrfs"), HasSubstr("in constant time"),
                                 HasSubstr("directories  yes, by btrfs simple quotas"),
                                 HasSubstr("--pool=fast=" + btrfs.path()))));
  ASSERT_OK_AND_ASSIGN(const TestFilesystem ext4,
                       TestFilesystem::Create({.type = host::FilesystemType::kExt4}));
  EXPECT_THAT(Init(ext4), EndedWith(0, AllOf(HasSubstr("can't share blocks; use btrfs, or xfs"),
                                             HasSubstr("directories  no: "))));
}

TEST_F(PoolInitTest, DriverStartsOnWhatItPrepared) {
  ASSERT_NO_FATAL_FAILURE(StartNode({.ground = DirectoryOnBtrfs()}));
  ASSERT_OK(node().Stop());
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk,
                       TestFilesystem::Create({.type = host::FilesystemType::kXfs}));
  const CommandResult result = Init(disk, {"-o", "json"});
  admin::v1::Pool pool;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &pool).ok()) << result.out;
  DriverProcess::Options options = node().DriverOptions();
  options.pools = {absl::StrCat("p=", disk.path())};
  options.more_flags = {};  // no --create-pools
  ASSERT_OK_AND_ASSIGN(DriverProcess driver, DriverProcess::Start(options));
  EXPECT_THAT(RunOn(node(), "pool list -o json").out, HasSubstr(pool.uuid()));
  EXPECT_OK(driver.Stop());
}

TEST_F(PoolInitTest, PoolIsNotPreparedTwice) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk,
                       TestFilesystem::Create({.type = host::FilesystemType::kXfs}));
  ASSERT_EQ(Init(disk).exit, 0);
  const std::vector<std::string> before = ListPool(disk.path());
  EXPECT_THAT(Init(disk), EndedWith(1, HasSubstr("is a pool already")));
  EXPECT_THAT(Init(disk, {"--existing-ok"}), EndedWith(0, HasSubstr("nothing was done")));
  EXPECT_EQ(ListPool(disk.path()), before);
}

TEST_F(PoolInitTest, RefusesAsTheDriverDoesAndLeavesEverything) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk,
                       TestFilesystem::Create({.type = host::FilesystemType::kXfs}));
  ASSERT_EQ(::mkdir((disk.path() + "/photos").c_str(), 0700), 0);
  const std::vector<std::string> before = ListPool(disk.path());
  EXPECT_THAT(Init(disk),
              EndedWith(1, AllOf(HasSubstr("neither a pool nor empty"), HasSubstr("photos"))));
  EXPECT_EQ(ListPool(disk.path()), before);
  std::string mount_point = "/var/tmp/nodevol-mount-point-XXXXXX";
  ASSERT_NE(::mkdtemp(mount_point.data()), nullptr);
  EXPECT_THAT(RunCommand({"pool", "init", mount_point}),
              EndedWith(1, HasSubstr("no filesystem is mounted here")));
  EXPECT_THAT(ListPool(mount_point), IsEmpty());
  EXPECT_EQ(::rmdir(mount_point.c_str()), 0);
  EXPECT_THAT(RunCommand({"pool", "init", mount_point}),
              EndedWith(4, AllOf(HasSubstr(mount_point), HasSubstr("is its disk mounted?"))));
}

class PoolCheckCommandTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = ImageOnXfs()}));
    ASSERT_OK_AND_ASSIGN(id_, node().CreateVolume("pvc-1"));
  }
  [[nodiscard]] std::string Object() const { return node().disk().path() + "/volumes/" + id_; }
  [[nodiscard]] CommandResult Check() const {
    return RunCommand({"pool", "check", node().disk().path()});
  }

  std::string id_;
};

TEST_F(PoolCheckCommandTest, RunsBesideTheDriverByNameOrPath) {
  EXPECT_THAT(RunOn(node(), "pool check p"),
              EndedWith(0, AllOf(HasSubstr(absl::StrCat("owned by pid ", node().driver().pid())),
                                 HasSubstr("No damage was found."))));
  EXPECT_THAT(Squeezed(Check().out),
              AllOf(HasSubstr("volumes 1, 32 MiB (33554432 bytes)\n"), HasSubstr("snapshots 0, ")));
  EXPECT_THAT(RunOn(node(), "pool check q"), EndedWith(4, HasSubstr("no pool \"q\"")));
  EXPECT_THAT(Check().out, Not(HasSubstr("warning")));
}

TEST_F(PoolCheckCommandTest, DamageIsSaidAndChangesTheExitCode) {
  ASSERT_EQ(::truncate((Object() + "/image").c_str(), 1 << 20), 0);
  ASSERT_OK(node().Stop());
  EXPECT_THAT(
      Check(),
      EndedWith(1, AllOf(HasSubstr(absl::StrCat("damage: volumes/", id_, "/image has 1 MiB")),
                         HasSubstr("The pool is damaged."), HasSubstr("no driver runs on it"))));
  const CommandResult json = RunCommand({"pool", "check", node().disk().path(), "-o", "json"});
  EXPECT_EQ(json.exit, 1);
  admin::v1::PoolReport report;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json.out, &report).ok());
  EXPECT_TRUE(report.damaged());
  ASSERT_EQ(report.findings_size(), 1);
  EXPECT_EQ(report.findings(0).severity(), "damage");
}

TEST_F(PoolCheckCommandTest, HostileNamesAreEscaped) {
  const std::string foreign = node().disk().path() + "/\x1b[31mred\nline";
  std::ofstream(foreign) << "x";
  EXPECT_THAT(Check(), EndedWith(0, AllOf(HasSubstr("warning: \\u001b[31mred\\nline is not the"),
                                          Not(HasSubstr("\x1b")))));
  EXPECT_EQ(::unlink(foreign.c_str()), 0);
}

}  // namespace
}  // namespace nodevol::testing

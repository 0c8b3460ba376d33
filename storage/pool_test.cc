// SPDX-License-Identifier: Apache-2.0
//
// Which directories become pools, and which are refused.
#include "storage/pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "host/file.h"
#include "host/mount.h"
#include "storage/ids.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using nodevol::testing::TestFilesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kDiskBytes = 512 * kMiB;

absl::StatusOr<std::unique_ptr<Pool>> Open(const std::string& path, bool create = false) {
  return Pool::Open({.name = "p", .path = path, .create = create});
}

// Matches the refusal of a pool for this reason; it names the pool and its path.
auto Refused(const std::string& path, const std::string& why) {
  return StatusIs(absl::StatusCode::kFailedPrecondition,
                  AllOf(HasSubstr("pool \"p\" at " + path), HasSubstr(why)));
}

class PoolTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(TestFilesystem made,
                         TestFilesystem::Create({.type = GetParam(), .bytes = kDiskBytes}));
    disk_.emplace(std::move(made));
  }
  [[nodiscard]] const std::string& path() const { return disk_->path(); }

  std::optional<TestFilesystem> disk_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, PoolTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         PoolFilesystemName);

TEST_P(PoolTest, PreparedPoolIsTheSameWhenItIsOpenedAgain) {
  std::string uuid;
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Pool> pool, Open(path(), /*create=*/true));
    uuid = pool->uuid();
    EXPECT_TRUE(IsUuid(uuid));
    EXPECT_EQ(pool->path(), path());
    EXPECT_EQ(pool->filesystem(), GetParam());
    EXPECT_EQ(pool->reflink(), GetParam() != FilesystemType::kExt4);
    EXPECT_EQ(pool->directory_limit().kind, GetParam() == FilesystemType::kBtrfs
                                                ? v1::DirectoryContent::BTRFS_SIMPLE_QUOTA
                                                : v1::DirectoryContent::LIMIT_UNSPECIFIED);
    EXPECT_OK(pool->Check());
    EXPECT_GT(pool->ledger().Available(), 0);
    EXPECT_EQ(pool->reserve().Missing(), 0);
  }
  for (const bool create : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Pool> pool, Open(path(), create));
    EXPECT_EQ(pool->uuid(), uuid);
    EXPECT_EQ(pool->directory_limit().kind, GetParam() == FilesystemType::kBtrfs
                                                ? v1::DirectoryContent::BTRFS_SIMPLE_QUOTA
                                                : v1::DirectoryContent::LIMIT_UNSPECIFIED);
  }
  ASSERT_OK(disk_->Remount());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Pool> pool, Open(path()));
  EXPECT_EQ(pool->uuid(), uuid);
}

TEST_P(PoolTest, WhatIsPreparedIsRootsAlone) {
  ASSERT_OK(Open(path(), /*create=*/true));
  for (const std::string name : {".nodevol", "volumes", "snapshots", ".nodevol/trash"}) {
    ASSERT_OK_AND_ASSIGN(const host::FileInfo info, host::InspectPath(path() + "/" + name));
    EXPECT_EQ(info.mode & 07777, 0700U) << name;
  }
}

TEST_P(PoolTest, UnpreparedDirectoryIsNeverTakenForANewPool) {
  EXPECT_THAT(Open(path()), Refused(path(), "not prepared as a pool"));
  EXPECT_FALSE(std::filesystem::exists(path() + "/.nodevol"));
}

TEST_P(PoolTest, DirectoryWithOtherContentIsNotPrepared) {
  ASSERT_TRUE(std::filesystem::create_directory(path() + "/photos"));
  EXPECT_THAT(Open(path(), /*create=*/true), Refused(path(), "\"photos\""));
  EXPECT_FALSE(std::filesystem::exists(path() + "/.nodevol"));
}

TEST_P(PoolTest, DirectoryInAFilesystemCanBeThePool) {
  ASSERT_TRUE(std::filesystem::create_directory(path() + "/photos"));
  ASSERT_TRUE(std::filesystem::create_directory(path() + "/pool"));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Pool> pool, Open(path() + "/pool", /*create=*/true));
  EXPECT_EQ(pool->path(), path() + "/pool");
  EXPECT_OK(pool->Check());
}

TEST_P(PoolTest, InterruptedPreparationIsResumed) {
  // As after a kill just before the marker got its name.
  for (const char* name : {".nodevol", ".nodevol/trash", "volumes"}) {
    ASSERT_TRUE(std::filesystem::create_directory(path() + "/" + name));
  }
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd meta,
                         host::OpenPath(path() + "/.nodevol", O_RDONLY | O_DIRECTORY));
    ASSERT_OK(host::WriteNewFile(meta.get(), "pool.tmp", "nodevol-rec", 0600));
  }
  EXPECT_THAT(Open(path()), Refused(path(), "not prepared as a pool"));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Pool> pool, Open(path(), /*create=*/true));
  EXPECT_OK(pool->Check());
  EXPECT_FALSE(std::filesystem::exists(path() + "/.nodevol/pool.tmp"));
}

TEST_P(PoolTest, PoolThatLostItsMarkerIsNotPreparedAnew) {
  ASSERT_OK(Open(path(), /*create=*/true));
  ASSERT_TRUE(std::filesystem::create_directory(path() + "/volumes/some-volume"));
  ASSERT_TRUE(std::filesystem::remove(path() + "/.nodevol/pool"));
  EXPECT_THAT(Open(path(), /*create=*/true), Refused(path(), "volumes"));
  ASSERT_TRUE(std::filesystem::remove(path() + "/volumes/some-volume"));
  ASSERT_TRUE(std::filesystem::create_directory(path() + "/snapshots/some-snapshot"));
  EXPECT_THAT(Open(path(), /*create=*/true), Refused(path(), "snapshots"));
}

TEST_P(PoolTest, DamagedMarkerIsNotReplaced) {
  ASSERT_OK(Open(path(), /*create=*/true));
  const std::string marker = path() + "/.nodevol/pool";
  ASSERT_EQ(::truncate(marker.c_str(), 20), 0);
  EXPECT_THAT(Open(path(), /*create=*/true), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(std::filesystem::file_size(marker), 20U);
}

TEST_P(PoolTest, PoolHasOneOwner) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Pool> owner, Open(path(), /*create=*/true));
  EXPECT_THAT(Open(path()), StatusIs(absl::StatusCode::kAlreadyExists,
                                     AllOf(HasSubstr("pool \"p\" at " + path()),
                                           HasSubstr("another process owns the pool: pid " +
                                                     std::to_string(::getpid())))));
  EXPECT_OK(owner->Check());
  owner.reset();
  EXPECT_OK(Open(path()));
}

TEST_P(PoolTest, CopyOfAPoolOnAnotherFilesystemIsRefused) {
  ASSERT_OK(Open(path(), /*create=*/true));
  ASSERT_OK_AND_ASSIGN(const TestFilesystem other,
                       TestFilesystem::Create({.type = GetParam(), .bytes = kDiskBytes}));
  for (const std::string name : {".nodevol", "volumes", "snapshots"}) {
    std::filesystem::copy(path() + "/" + name, other.path() + "/" + name,
                          std::filesystem::copy_options::recursive);
  }
  EXPECT_THAT(Open(other.path()), Refused(other.path(), "prepared on another filesystem"));
  EXPECT_THAT(Open(other.path(), /*create=*/true),
              Refused(other.path(), "prepared on another filesystem"));
}

TEST_P(PoolTest, ReadOnlyFilesystemIsRefused) {
  ASSERT_OK(Open(path(), /*create=*/true));
  ASSERT_EQ(std::system(("mount -o remount,ro " + path()).c_str()), 0);
  EXPECT_FALSE(Open(path()).ok());
}

TEST(PoolPlaceTest, DirectoryOnTheRootFilesystemIsRefused) {
  std::string path = "/var/tmp/nodevol-pool-XXXXXX";
  ASSERT_NE(::mkdtemp(path.data()), nullptr);
  EXPECT_THAT(Open(path, /*create=*/true), Refused(path, "no filesystem is mounted here"));
  EXPECT_TRUE(std::filesystem::is_empty(path));
  std::filesystem::remove(path);
}

// As a container has a directory of its node's root filesystem.
TEST(PoolPlaceTest, DirectoryOnTheNodesRootFilesystemIsPreparedOnlyWhereSomebodyAsksForIt) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk, TestFilesystem::Create({.bytes = kDiskBytes}));
  const std::string path = NewDirectory();
  ASSERT_TRUE(std::filesystem::create_directories(disk.path() + path));
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd directory,
                         host::OpenPath(disk.path() + path, O_PATH | O_DIRECTORY));
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, host::CloneTree(directory.get()));
    ASSERT_OK_AND_ASSIGN(const UniqueFd target, host::OpenPath(path, O_PATH | O_DIRECTORY));
    ASSERT_OK(host::AttachMount(tree.get(), target.get()));
  }
  EXPECT_THAT(Open(path, /*create=*/true), Refused(path, "no disk seems to be mounted here"));
  EXPECT_TRUE(std::filesystem::is_empty(path));
  EXPECT_OK(Pool::Open({.name = "p", .path = path, .create = true, .attended = true}));
  EXPECT_OK(Open(path, /*create=*/true));
  ASSERT_OK(host::Unmount(path));
}

TEST(PoolPlaceTest, MissingDirectoryIsRefused) {
  const std::string path = NewDirectory() + "/not-there";
  EXPECT_THAT(Open(path, /*create=*/true), Refused(path, "is its disk mounted?"));
}

TEST(PoolPlaceTest, FilesystemInMemoryIsRefused) {
  const std::string path = NewDirectory();
  EXPECT_THAT(Open(path, /*create=*/true), Refused(path, "none that pools can be on"));
}

TEST(PoolPlaceTest, LinkToTheMountPointIsFollowedOnce) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk, TestFilesystem::Create({.bytes = kDiskBytes}));
  const std::string link = NewDirectory() + "/link";
  ASSERT_EQ(::symlink(disk.path().c_str(), link.c_str()), 0);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Pool> pool, Open(link, /*create=*/true));
  EXPECT_EQ(pool->path(), disk.path());
  EXPECT_OK(pool->Check());
}

}  // namespace
}  // namespace nodevol::storage

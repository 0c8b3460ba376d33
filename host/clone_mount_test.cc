// SPDX-License-Identifier: Apache-2.0
//
// Clones of trees that are not ours: what is mounted beneath a directory comes along, and nothing
// done to the clone reaches the original.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "host/file.h"
#include "host/mount.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::NewDirectory;

// source_ is a shared tmpfs with the directory "sub", on which another is mounted.
class CloneMountTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MountTmpfs(source_, 0);
    ASSERT_EQ(::mount(nullptr, source_.c_str(), nullptr, MS_SHARED, nullptr), 0);
    ASSERT_EQ(::mkdir((source_ + "/sub").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir((source_ + "/later").c_str(), 0700), 0);
    MountTmpfs(source_ + "/sub", 0);
  }
  void TearDown() override {
    ::umount2(target_.c_str(), MNT_DETACH);
    ::umount2(source_.c_str(), MNT_DETACH);
  }

  static void MountTmpfs(const std::string& path, unsigned long flags) {
    ASSERT_EQ(::mount("tmpfs", path.c_str(), "tmpfs", flags, ""), 0) << path;
  }
  static bool IsMounted(const std::string& path) {
    const absl::StatusOr<FileInfo> info = InspectPath(path);
    return info.ok() && info->mount_root;
  }
  static absl::Status Write(const std::string& directory) {
    const absl::StatusOr<UniqueFd> fd = OpenPath(directory, O_RDONLY | O_DIRECTORY);
    if (!fd.ok()) return fd.status();
    return WriteNewFile(fd->get(), "file", "x", 0600);
  }
  // Shows the source at the target.
  void Publish(const MountAttributes& attributes) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd source, OpenPath(source_, O_PATH | O_DIRECTORY));
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, CloneTreeRecursively(source.get()));
    ASSERT_OK(RestrictClone(tree.get(), attributes));
    ASSERT_OK_AND_ASSIGN(const UniqueFd onto, OpenPath(target_, O_PATH | O_DIRECTORY));
    ASSERT_OK(AttachMount(tree.get(), onto.get()));
  }

  const std::string source_ = NewDirectory();
  const std::string target_ = NewDirectory();
};

TEST_F(CloneMountTest, NestedMountsComeAlong) {
  Publish({});
  EXPECT_TRUE(IsMounted(target_ + "/sub"));
  ASSERT_OK(Write(source_ + "/sub"));
  EXPECT_EQ(::access((target_ + "/sub/file").c_str(), F_OK), 0);
}

TEST_F(CloneMountTest, RestrictionsReachNestedMountsAndNotTheSource) {
  Publish({.read_only = true});
  EXPECT_THAT(Write(target_), ErrnoIs(EROFS));
  EXPECT_THAT(Write(target_ + "/sub"), ErrnoIs(EROFS));
  EXPECT_OK(Write(source_));
  EXPECT_OK(Write(source_ + "/sub"));
}

TEST_F(CloneMountTest, NoRestrictionIsLifted) {
  ASSERT_EQ(::mount(nullptr, (source_ + "/sub").c_str(), nullptr,
                    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, nullptr),
            0);
  Publish({.nosuid = false, .nodev = false});
  EXPECT_OK(Write(target_));
  EXPECT_THAT(Write(target_ + "/sub"), ErrnoIs(EROFS));
}

TEST_F(CloneMountTest, WhatIsMountedAtTheSourceLaterShows) {
  Publish({});
  MountTmpfs(source_ + "/later", 0);
  EXPECT_TRUE(IsMounted(target_ + "/later"));
}

TEST_F(CloneMountTest, TakingTheCloneDownTakesNothingDownAtTheSource) {
  Publish({});
  // Although something of it is in use.
  ASSERT_OK_AND_ASSIGN(const UniqueFd used, OpenPath(target_ + "/sub", O_RDONLY | O_DIRECTORY));
  EXPECT_THAT(Unmount(target_), ErrnoIs(EBUSY));
  ASSERT_OK(DetachMount(target_));
  EXPECT_FALSE(IsMounted(target_));
  EXPECT_TRUE(IsMounted(source_));
  EXPECT_TRUE(IsMounted(source_ + "/sub"));
}

TEST_F(CloneMountTest, WhatIsMountedInTheCloneIsNotAtTheSource) {
  Publish({});
  MountTmpfs(target_ + "/later", 0);
  EXPECT_FALSE(IsMounted(source_ + "/later"));
}

}  // namespace
}  // namespace nodevol::host

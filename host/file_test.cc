// SPDX-License-Identifier: Apache-2.0
#include "host/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "host/mount.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = NewDirectory();
    ASSERT_OK_AND_ASSIGN(directory_, OpenPath(path_, O_RDONLY | O_DIRECTORY));
    ASSERT_OK(MakeDirectory(directory_.get(), "sub", 0700));
    ASSERT_OK(WriteNewFile(directory_.get(), "sub/file", "content", 0600));
  }

  void Link(const std::string& target, const std::string& name) const {
    ASSERT_EQ(::symlinkat(target.c_str(), directory_.get(), name.c_str()), 0);
  }

  std::string path_;
  UniqueFd directory_;
};

TEST_F(FileTest, OpensBeneathAndClosesOnExec) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd file, OpenBeneath(directory_.get(), "sub/file", O_RDONLY));
  EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_OK(OpenDirectory(directory_.get(), "sub"));
  EXPECT_THAT(OpenDirectory(directory_.get(), "sub/file"), ErrnoIs(ENOTDIR));
  EXPECT_THAT(OpenBeneath(directory_.get(), "none", O_RDONLY), ErrnoIs(ENOENT));
}

TEST_F(FileTest, OpenBeneathRefusesToLeaveTheDirectory) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd sub, OpenDirectory(directory_.get(), "sub"));
  EXPECT_THAT(OpenBeneath(sub.get(), "..", O_RDONLY), ErrnoIs(EXDEV));
  EXPECT_THAT(OpenBeneath(sub.get(), "../sub/file", O_RDONLY), ErrnoIs(EXDEV));
  EXPECT_THAT(OpenBeneath(directory_.get(), "sub/../../x", O_RDONLY), ErrnoIs(EXDEV));
  EXPECT_THAT(OpenBeneath(directory_.get(), "/etc/passwd", O_RDONLY), ErrnoIs(EXDEV));
  EXPECT_THAT(OpenBeneath(directory_.get(), path_ + "/sub/file", O_RDONLY), ErrnoIs(EXDEV));
}

TEST_F(FileTest, OpenBeneathFollowsNoLink) {
  Link("sub", "to_directory");
  Link("sub/file", "to_file");
  Link("/etc", "outside");
  EXPECT_THAT(OpenBeneath(directory_.get(), "to_file", O_RDONLY), ErrnoIs(ELOOP));
  EXPECT_THAT(OpenBeneath(directory_.get(), "to_directory/file", O_RDONLY), ErrnoIs(ELOOP));
  EXPECT_THAT(OpenDirectory(directory_.get(), "to_directory"), ErrnoIs(ELOOP));
  EXPECT_THAT(OpenBeneath(directory_.get(), "outside/passwd", O_RDONLY), ErrnoIs(ELOOP));
  ASSERT_OK_AND_ASSIGN(const UniqueFd magic, OpenPath("/proc/self/fd", O_RDONLY | O_DIRECTORY));
  EXPECT_THAT(OpenBeneath(magic.get(), std::to_string(directory_.get()), O_RDONLY), ErrnoIs(ELOOP));
}

TEST_F(FileTest, NewFileHasItsContentAndMode) {
  const std::string content(100'000, 'x');
  ASSERT_OK(WriteNewFile(directory_.get(), "new", content, 0640));
  EXPECT_THAT(ReadFile(directory_.get(), "new", content.size()), IsOkAndHolds(content));
  ASSERT_OK_AND_ASSIGN(const FileInfo info, InspectAt(directory_.get(), "new"));
  EXPECT_EQ(info.mode, static_cast<mode_t>(S_IFREG | 0640));
  EXPECT_EQ(info.size_bytes, 100'000);
}

TEST_F(FileTest, NewFileReplacesNothing) {
  EXPECT_THAT(WriteNewFile(directory_.get(), "sub/file", "other", 0600), ErrnoIs(EEXIST));
  EXPECT_THAT(ReadFile(directory_.get(), "sub/file", 100), IsOkAndHolds("content"));
  Link("dangling", "link");
  EXPECT_THAT(WriteNewFile(directory_.get(), "link", "other", 0600), ErrnoIs(EEXIST));
  EXPECT_THAT(InspectAt(directory_.get(), "dangling"), ErrnoIs(ENOENT));
}

TEST_F(FileTest, ReadStopsAtTheLimit) {
  EXPECT_THAT(ReadFile(directory_.get(), "sub/file", 7), IsOkAndHolds("content"));
  EXPECT_THAT(ReadFile(directory_.get(), "sub/file", 6),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("6 bytes")));
  EXPECT_THAT(ReadFile(directory_.get(), "none", 6), ErrnoIs(ENOENT));
  EXPECT_THAT(ReadFile(directory_.get(), "sub", 6), ErrnoIs(EISDIR));
}

TEST_F(FileTest, ReadDoesNotWaitForAWriterOfAFifo) {
  ASSERT_EQ(::mkfifoat(directory_.get(), "fifo", 0600), 0);
  EXPECT_THAT(ReadFile(directory_.get(), "fifo", 100), IsOkAndHolds(IsEmpty()));
}

TEST_F(FileTest, RenameNoReplaceMovesButNeverReplaces) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd sub, OpenDirectory(directory_.get(), "sub"));
  ASSERT_OK(WriteNewFile(directory_.get(), "a", "a", 0600));
  EXPECT_THAT(RenameNoReplace(directory_.get(), "a", sub.get(), "file"), ErrnoIs(EEXIST));
  EXPECT_THAT(ReadFile(sub.get(), "file", 100), IsOkAndHolds("content"));
  EXPECT_OK(RenameNoReplace(directory_.get(), "a", sub.get(), "b"));
  EXPECT_THAT(ReadFile(sub.get(), "b", 100), IsOkAndHolds("a"));
  EXPECT_THAT(InspectAt(directory_.get(), "a"), ErrnoIs(ENOENT));
}

TEST_F(FileTest, RenameOverReplaces) {
  ASSERT_OK(WriteNewFile(directory_.get(), "a", "old", 0600));
  ASSERT_OK(WriteNewFile(directory_.get(), "b", "new", 0600));
  EXPECT_OK(RenameOver(directory_.get(), "b", "a"));
  EXPECT_THAT(ReadFile(directory_.get(), "a", 100), IsOkAndHolds("new"));
  EXPECT_THAT(ListDirectory(directory_.get()), IsOkAndHolds(UnorderedElementsAre("sub", "a")));
}

TEST_F(FileTest, ListsEveryNameEachTime) {
  for (int i = 0; i < 2000; ++i) {
    ASSERT_OK(MakeDirectory(directory_.get(), "sub/" + std::to_string(i), 0700));
  }
  ASSERT_OK_AND_ASSIGN(const UniqueFd sub, OpenDirectory(directory_.get(), "sub"));
  EXPECT_THAT(ListDirectory(sub.get()), IsOkAndHolds(SizeIs(2001)));
  EXPECT_THAT(ListDirectory(sub.get()), IsOkAndHolds(SizeIs(2001)));
  EXPECT_THAT(ListDirectory(directory_.get()), IsOkAndHolds(UnorderedElementsAre("sub")));
}

TEST_F(FileTest, RemovesOnlyWhatTheCallIsFor) {
  EXPECT_THAT(RemoveFile(directory_.get(), "sub"), ErrnoIs(EISDIR));
  EXPECT_THAT(RemoveDirectory(directory_.get(), "sub"), ErrnoIs(ENOTEMPTY));
  EXPECT_THAT(RemoveDirectory(directory_.get(), "sub/file"), ErrnoIs(ENOTDIR));
  EXPECT_OK(RemoveFile(directory_.get(), "sub/file"));
  EXPECT_OK(RemoveDirectory(directory_.get(), "sub"));
  EXPECT_THAT(ListDirectory(directory_.get()), IsOkAndHolds(IsEmpty()));
}

TEST_F(FileTest, InspectTellsFilesApart) {
  ASSERT_EQ(::linkat(directory_.get(), "sub/file", directory_.get(), "same", 0), 0);
  ASSERT_OK(WriteNewFile(directory_.get(), "other", "content", 0600));
  ASSERT_OK_AND_ASSIGN(const UniqueFd file, OpenBeneath(directory_.get(), "sub/file", O_PATH));
  ASSERT_OK_AND_ASSIGN(const FileInfo info, Inspect(file.get()));
  ASSERT_OK_AND_ASSIGN(const FileInfo same, InspectPath(path_ + "/same"));
  ASSERT_OK_AND_ASSIGN(const FileInfo other, InspectAt(directory_.get(), "other"));
  EXPECT_TRUE(info.SameFileAs(same));
  EXPECT_FALSE(info.SameFileAs(other));
}

TEST_F(FileTest, InspectFollowsNoLink) {
  Link("sub/file", "link");
  ASSERT_OK_AND_ASSIGN(const FileInfo by_path, InspectPath(path_ + "/link"));
  EXPECT_TRUE(S_ISLNK(by_path.mode));
  ASSERT_OK_AND_ASSIGN(const FileInfo by_name, InspectAt(directory_.get(), "link"));
  EXPECT_TRUE(S_ISLNK(by_name.mode));
}

TEST_F(FileTest, InspectTellsTheDeviceOfANode) {
  ASSERT_OK_AND_ASSIGN(const FileInfo null, InspectPath("/dev/null"));
  EXPECT_EQ(null.device_number, makedev(1, 3));
}

TEST_F(FileTest, InspectRecognisesTheRootOfAMount) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd sub, OpenDirectory(directory_.get(), "sub"));
  ASSERT_OK_AND_ASSIGN(const FileInfo before, Inspect(sub.get()));
  EXPECT_FALSE(before.mount_root);
  ASSERT_OK_AND_ASSIGN(UniqueFd tree, CloneTree(directory_.get()));
  ASSERT_OK(AttachMount(tree.get(), sub.get()));
  ASSERT_OK_AND_ASSIGN(const FileInfo mounted, InspectAt(directory_.get(), "sub"));
  EXPECT_TRUE(mounted.mount_root);
  EXPECT_NE(mounted.mount_id, before.mount_id);
  // The mount is that of the directory above: only mount_root and the mount's id say so.
  ASSERT_OK_AND_ASSIGN(const FileInfo above, Inspect(directory_.get()));
  EXPECT_TRUE(mounted.SameFileAs(above));
  EXPECT_FALSE(above.mount_root);
  tree.reset();
  EXPECT_OK(Unmount(path_ + "/sub"));
}

}  // namespace
}  // namespace nodevol::host

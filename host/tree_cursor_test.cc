// SPDX-License-Identifier: Apache-2.0
#include "host/tree_cursor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

#include "host/mount.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using nodevol::testing::TestFilesystem;
using ::testing::Eq;

class TreeCursorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto disk = TestFilesystem::Create({.type = FilesystemType::kXfs});
    ASSERT_OK(disk);
    disk_.emplace(*std::move(disk));
    ASSERT_OK_AND_ASSIGN(top_, OpenPath(disk_->path(), O_RDONLY | O_DIRECTORY));
  }

  void MakeFile(const std::string& name) const {
    ASSERT_EQ(::mknodat(top_.get(), name.c_str(), S_IFREG | 0600, 0), 0);
  }
  void MakeDirectoryHere(const std::string& name) const {
    ASSERT_OK(MakeDirectory(top_.get(), name, 0700));
  }
  void MakeChain(int depth) const {
    ASSERT_OK_AND_ASSIGN(UniqueFd level, OpenDirectory(top_.get(), "."));
    for (int i = 0; i < depth; ++i) {
      ASSERT_OK(MakeDirectory(level.get(), "d", 0700));
      ASSERT_OK_AND_ASSIGN(level, OpenDirectory(level.get(), "d"));
    }
  }

  std::optional<TestFilesystem> disk_;
  UniqueFd top_;
};

TEST_F(TreeCursorTest, EveryNameIsGivenOnce) {
  constexpr int kNames = 5000;  // more than one read of the directory gives
  std::map<std::string, int> seen;
  for (int i = 0; i < kNames; ++i) {
    const std::string name = absl::StrCat("entry-", i);
    ASSERT_NO_FATAL_FAILURE(i % 100 == 0 ? MakeDirectoryHere(name) : MakeFile(name));
    seen[name] = 0;
  }
  ASSERT_OK_AND_ASSIGN(TreeCursor cursor, TreeCursor::Start(top_.get()));
  while (true) {
    ASSERT_OK_AND_ASSIGN(const std::optional<std::string> name, cursor.Next());
    if (!name.has_value()) break;
    ++seen[*name];
    if (cursor.Enter(*name).ok()) {
      EXPECT_THAT(cursor.Next(), IsOkAndHolds(Eq(std::nullopt)));
      ASSERT_OK(cursor.Leave());
    }
  }
  for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name;
  EXPECT_EQ(seen.size(), static_cast<size_t>(kNames));
}

TEST_F(TreeCursorTest, DepthDoesNotCostDescriptors) {
  constexpr int kDepth = 500;
  MakeChain(kDepth);
  const int before = nodevol::testing::Leftovers::Now().descriptors;
  ASSERT_OK_AND_ASSIGN(TreeCursor cursor, TreeCursor::Start(top_.get()));
  for (int i = 0; i < kDepth; ++i) ASSERT_OK(cursor.Enter("d"));
  EXPECT_LE(nodevol::testing::Leftovers::Now().descriptors, before + 64);
  for (int i = kDepth; i > 0; --i) {
    EXPECT_EQ(cursor.depth(), static_cast<size_t>(i));
    ASSERT_OK(cursor.Leave());
  }
  EXPECT_EQ(Inspect(cursor.directory())->inode, Inspect(top_.get())->inode);
}

TEST_F(TreeCursorTest, WhereItWasIsKeptAcrossADeepDescent) {
  constexpr int kNames = 1000;
  for (int i = 0; i < kNames; ++i) {
    ASSERT_NO_FATAL_FAILURE(MakeFile(absl::StrCat("n", i)));
  }
  MakeChain(100);
  std::map<std::string, int> seen;
  ASSERT_OK_AND_ASSIGN(TreeCursor cursor, TreeCursor::Start(top_.get()));
  while (true) {
    ASSERT_OK_AND_ASSIGN(const std::optional<std::string> name, cursor.Next());
    if (!name.has_value()) break;
    ++seen[*name];
    if (*name != "d") continue;
    for (int i = 0; i < 100; ++i) ASSERT_OK(cursor.Enter("d"));
    for (int i = 0; i < 100; ++i) ASSERT_OK(cursor.Leave());
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kNames + 1));
  for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name;
}

TEST_F(TreeCursorTest, DirectoryThatIsMovedAwayEndsTheWalk) {
  MakeChain(100);
  ASSERT_OK(MakeDirectory(top_.get(), "elsewhere", 0700));
  ASSERT_OK_AND_ASSIGN(TreeCursor cursor, TreeCursor::Start(top_.get()));
  for (int i = 0; i < 100; ++i) ASSERT_OK(cursor.Enter("d"));
  std::string tenth = disk_->path();
  for (int i = 0; i < 10; ++i) tenth += "/d";
  std::filesystem::rename(tenth, disk_->path() + "/elsewhere/d");
  absl::Status left;
  while (left.ok() && cursor.depth() > 0) left = cursor.Leave();
  EXPECT_THAT(left, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(cursor.depth(), 9U) << "it went no further than where the tree was cut";
}

TEST_F(TreeCursorTest, LinkAndMountAreNotEntered) {
  ASSERT_EQ(::symlinkat("/", top_.get(), "link"), 0);
  ASSERT_OK(MakeDirectory(top_.get(), "directory", 0700));
  ASSERT_OK_AND_ASSIGN(TreeCursor cursor, TreeCursor::Start(top_.get()));
  EXPECT_THAT(cursor.Enter("link"), ErrnoIs(ELOOP));
  EXPECT_THAT(cursor.Enter(".."), ErrnoIs(EXDEV));
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd what, OpenBeneath(top_.get(), "directory", O_PATH));
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, CloneTree(what.get()));
    ASSERT_OK(AttachMount(tree.get(), what.get()));
  }
  const absl::Cleanup unmount = [&] { EXPECT_OK(Unmount(disk_->path() + "/directory")); };
  EXPECT_THAT(cursor.Enter("directory"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(cursor.depth(), 0U);
}

}  // namespace
}  // namespace nodevol::host

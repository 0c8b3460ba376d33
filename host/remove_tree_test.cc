// SPDX-License-Identifier: Apache-2.0
#include "host/remove_tree.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/cleanup/cleanup.h"

#include "host/file.h"
#include "host/mount.h"
#include "host/mount_table.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class RemoveTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = NewDirectory();
    ASSERT_OK_AND_ASSIGN(directory_, OpenPath(path_, O_RDONLY | O_DIRECTORY));
    ASSERT_OK(MakeDirectory(directory_.get(), "tree", 0700));
    ASSERT_OK(MakeDirectory(directory_.get(), "canary", 0700));
    ASSERT_OK(WriteNewFile(directory_.get(), "canary/file", "alive", 0600));
  }

  // A chain of directories beneath `name`, with a file in each.
  void MakeDeep(const std::string& name, int depth) const {
    ASSERT_OK_AND_ASSIGN(UniqueFd level, OpenDirectory(directory_.get(), name));
    for (int i = 0; i < depth; ++i) {
      ASSERT_OK(WriteNewFile(level.get(), "file", "x", 0600));
      ASSERT_OK(MakeDirectory(level.get(), "d", 0700));
      ASSERT_OK_AND_ASSIGN(level, OpenDirectory(level.get(), "d"));
    }
  }

  void ExpectOnlyTheCanaryLeft() const {
    EXPECT_THAT(ListDirectory(directory_.get()), IsOkAndHolds(UnorderedElementsAre("canary")));
    EXPECT_THAT(ReadFile(directory_.get(), "canary/file", 100), IsOkAndHolds("alive"));
  }

  // Mounts a clone of `source` on `target`, both names in the test's directory.
  void Bind(const std::string& source, const std::string& target) const {
    ASSERT_OK_AND_ASSIGN(const UniqueFd from, OpenBeneath(directory_.get(), source, O_PATH));
    ASSERT_OK_AND_ASSIGN(const UniqueFd onto, OpenBeneath(directory_.get(), target, O_PATH));
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, CloneTree(from.get()));
    ASSERT_OK(AttachMount(tree.get(), onto.get()));
  }

  std::string path_;
  UniqueFd directory_;
};

TEST_F(RemoveTreeTest, AbsentNameIsOk) {
  EXPECT_OK(RemoveTree(directory_.get(), "none"));
  EXPECT_THAT(ListDirectory(directory_.get()),
              IsOkAndHolds(UnorderedElementsAre("tree", "canary")));
}

TEST_F(RemoveTreeTest, RemovesEveryKindOfFile) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd tree, OpenDirectory(directory_.get(), "tree"));
  ASSERT_OK(MakeDirectory(tree.get(), "empty", 0));
  ASSERT_OK(MakeDirectory(tree.get(), "full", 0500));
  for (int i = 0; i < 500; ++i) {
    ASSERT_OK(WriteNewFile(tree.get(), "full/" + std::to_string(i), "", 0));
  }
  ASSERT_EQ(::mkfifoat(tree.get(), "fifo", 0600), 0);
  ASSERT_EQ(::symlinkat("nowhere", tree.get(), "dangling"), 0);
  EXPECT_OK(RemoveTree(directory_.get(), "tree"));
  ExpectOnlyTheCanaryLeft();
}

TEST_F(RemoveTreeTest, SingleFileIsATreeToo) {
  ASSERT_OK(WriteNewFile(directory_.get(), "file", "x", 0600));
  EXPECT_OK(RemoveTree(directory_.get(), "file"));
  EXPECT_THAT(InspectAt(directory_.get(), "file"), ErrnoIs(ENOENT));
}

TEST_F(RemoveTreeTest, WhatLinksPointToSurvives) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd tree, OpenDirectory(directory_.get(), "tree"));
  ASSERT_EQ(::symlinkat((path_ + "/canary").c_str(), tree.get(), "absolute"), 0);
  ASSERT_EQ(::symlinkat("../canary", tree.get(), "relative"), 0);
  ASSERT_EQ(::symlinkat("../canary/file", tree.get(), "to_file"), 0);
  ASSERT_EQ(::symlinkat("..", tree.get(), "up"), 0);
  ASSERT_EQ(::linkat(directory_.get(), "canary/file", tree.get(), "hard", 0), 0);
  EXPECT_OK(RemoveTree(directory_.get(), "tree"));
  ExpectOnlyTheCanaryLeft();
}

TEST_F(RemoveTreeTest, LinkAtTheTopIsRemovedNotFollowed) {
  ASSERT_EQ(::symlinkat("canary", directory_.get(), "link"), 0);
  EXPECT_OK(RemoveTree(directory_.get(), "link"));
  EXPECT_OK(RemoveTree(directory_.get(), "tree"));
  ExpectOnlyTheCanaryLeft();
}

TEST_F(RemoveTreeTest, AnyDepthNeedsFewDescriptors) {
  MakeDeep("tree", 300);
  rlimit saved = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &saved), 0);
  const rlimit few = {.rlim_cur = 100, .rlim_max = saved.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const absl::Status removed = RemoveTree(directory_.get(), "tree");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &saved), 0);
  EXPECT_OK(removed);
  ExpectOnlyTheCanaryLeft();
}

TEST_F(RemoveTreeTest, WideDirectoryBesideDeepOnesIsRemovedWhole) {
  for (const char* name : {"tree/a", "tree/z"}) {
    ASSERT_OK(MakeDirectory(directory_.get(), name, 0700));
    MakeDeep(name, 150);
  }
  ASSERT_OK_AND_ASSIGN(const UniqueFd tree, OpenDirectory(directory_.get(), "tree"));
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "a name of some length, number " + std::to_string(i);
    ASSERT_EQ(::mknodat(tree.get(), name.c_str(), S_IFREG | 0600, 0), 0);
  }
  EXPECT_OK(RemoveTree(directory_.get(), "tree"));
  ExpectOnlyTheCanaryLeft();
}

TEST_F(RemoveTreeTest, MountInsideStopsItAndKeepsItsContent) {
  ASSERT_OK(MakeDirectory(directory_.get(), "tree/mounted", 0700));
  // A bind mount of the same filesystem: the device number does not give it away.
  Bind("canary", "tree/mounted");
  const absl::Cleanup unmount = [this] { EXPECT_OK(Unmount(path_ + "/tree/mounted")); };
  EXPECT_THAT(RemoveTree(directory_.get(), "tree"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mounted")));
  EXPECT_THAT(ReadFile(directory_.get(), "canary/file", 100), IsOkAndHolds("alive"));
}

TEST_F(RemoveTreeTest, MountOfAnotherFilesystemStopsItToo) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd target, OpenDirectory(directory_.get(), "tree"));
  ASSERT_OK_AND_ASSIGN(UniqueFd tree, NewMount("tmpfs", "none", false, {}, {}));
  ASSERT_OK(WriteNewFile(tree.get(), "file", "alive", 0600));
  ASSERT_OK(AttachMount(tree.get(), target.get()));
  const absl::Cleanup unmount = [this, &tree] {
    tree.reset();
    EXPECT_OK(Unmount(path_ + "/tree"));
  };
  EXPECT_THAT(RemoveTree(directory_.get(), "tree"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadFile(tree.get(), "file", 100), IsOkAndHolds("alive"));
}

TEST_F(RemoveTreeTest, MountOnAFileStopsItToo) {
  ASSERT_OK(WriteNewFile(directory_.get(), "tree/mounted", "", 0600));
  Bind("canary/file", "tree/mounted");
  const absl::Cleanup unmount = [this] { EXPECT_OK(Unmount(path_ + "/tree/mounted")); };
  EXPECT_THAT(RemoveTree(directory_.get(), "tree"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadFile(directory_.get(), "canary/file", 100), IsOkAndHolds("alive"));
}

TEST_F(RemoveTreeTest, MountDeepInsideStopsItToo) {
  MakeDeep("tree", 100);
  std::string deepest = "tree";
  for (int i = 0; i < 100; ++i) deepest += "/d";
  Bind("canary", deepest);
  EXPECT_THAT(RemoveTree(directory_.get(), "tree"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadFile(directory_.get(), "canary/file", 100), IsOkAndHolds("alive"));
  ASSERT_OK_AND_ASSIGN(const auto table, ReadMountTable());
  EXPECT_OK(Unmount(table.back().target));
}

}  // namespace
}  // namespace nodevol::host

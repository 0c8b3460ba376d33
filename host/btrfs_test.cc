// SPDX-License-Identifier: Apache-2.0
#include "host/btrfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/bytes.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/file_data.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::TestFilesystem;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr int64_t kLimit = 32 * kMiB;

class BtrfsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(TestFilesystem made,
                         TestFilesystem::Create({.type = FilesystemType::kBtrfs}));
    filesystem_.emplace(std::move(made));
    ASSERT_OK_AND_ASSIGN(root_, OpenPath(filesystem_->path(), O_RDONLY | O_DIRECTORY));
  }

  // A subvolume in a level-1 group with kLimit, as the engine makes them.
  SubvolumeId MakeLimited(const std::string& name) {
    EXPECT_OK(EnableSimpleQuotas(root_.get()));
    EXPECT_OK(CreateSubvolume(root_.get(), name));
    const auto directory = OpenDirectory(root_.get(), name);
    const SubvolumeId id = SubvolumeOf(directory->get()).value();
    EXPECT_OK(CreateQuotaGroup(root_.get(), {1, id}));
    EXPECT_OK(AddToQuotaGroup(root_.get(), {0, id}, {1, id}));
    EXPECT_OK(SetQuotaLimit(root_.get(), {1, id}, kLimit));
    return id;
  }

  // Writes until the kernel refuses; returns how much it took.
  static int64_t Fill(int directory, const std::string& name, int& error) {
    const auto file = OpenBeneath(directory, name, O_WRONLY | O_CREAT, 0600);
    const std::string chunk(static_cast<size_t>(kMiB), 'x');
    int64_t total = 0;
    error = 0;
    while (total < 4 * kLimit) {
      const ssize_t put = ::write(file->get(), chunk.data(), chunk.size());
      if (put < 0) {
        error = errno;
        break;
      }
      total += put;
    }
    return total;
  }

  std::optional<TestFilesystem> filesystem_;
  UniqueFd root_;
};

TEST_F(BtrfsTest, SubvolumeIsMadeSnapshotAndDestroyed) {
  ASSERT_OK(CreateSubvolume(root_.get(), "a"));
  ASSERT_OK_AND_ASSIGN(UniqueFd a, OpenDirectory(root_.get(), "a"));
  EXPECT_THAT(IsSubvolumeRoot(a.get()), IsOkAndHolds(true));
  ASSERT_OK(WriteNewFile(a.get(), "file", "content", 0600));
  ASSERT_OK(SnapshotSubvolume(a.get(), root_.get(), "snap", /*read_only=*/true));
  ASSERT_OK_AND_ASSIGN(UniqueFd snap, OpenDirectory(root_.get(), "snap"));
  EXPECT_THAT(ReadFile(snap.get(), "file", 100), IsOkAndHolds("content"));
  EXPECT_THAT(MakeDirectory(snap.get(), "x", 0700), ErrnoIs(EROFS));
  ASSERT_OK_AND_ASSIGN(const SubvolumeId id, SubvolumeOf(a.get()));
  EXPECT_THAT(SubvolumeExists(root_.get(), id), IsOkAndHolds(true));
  a.reset();
  snap.reset();
  EXPECT_OK(DestroySubvolume(root_.get(), "snap"));
  EXPECT_OK(DestroySubvolume(root_.get(), "a"));
  EXPECT_THAT(DestroySubvolume(root_.get(), "a"), ErrnoIs(ENOENT));
}

TEST_F(BtrfsTest, SubvolumeIsOpenedByItsIdWhereverItIs) {
  ASSERT_OK(MakeDirectory(root_.get(), "directory", 0700));
  ASSERT_OK_AND_ASSIGN(const UniqueFd directory, OpenDirectory(root_.get(), "directory"));
  ASSERT_OK(CreateSubvolume(directory.get(), "a"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd a, OpenDirectory(directory.get(), "a"));
  ASSERT_OK_AND_ASSIGN(const SubvolumeId id, SubvolumeOf(a.get()));
  ASSERT_OK_AND_ASSIGN(const UniqueFd opened, OpenSubvolume(root_.get(), id));
  ASSERT_OK_AND_ASSIGN(const FileInfo seen, Inspect(opened.get()));
  ASSERT_OK_AND_ASSIGN(const FileInfo expected, Inspect(a.get()));
  EXPECT_TRUE(seen.SameFileAs(expected));
  EXPECT_THAT(OpenSubvolume(root_.get(), 12345), ErrnoIs(ESTALE));
}

TEST_F(BtrfsTest, ReadOnlySubvolumeIsMadeWritable) {
  ASSERT_OK(CreateSubvolume(root_.get(), "a"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd a, OpenDirectory(root_.get(), "a"));
  ASSERT_OK(SnapshotSubvolume(a.get(), root_.get(), "snap", /*read_only=*/true));
  ASSERT_OK_AND_ASSIGN(const UniqueFd snap, OpenDirectory(root_.get(), "snap"));
  ASSERT_THAT(MakeDirectory(snap.get(), "x", 0700), ErrnoIs(EROFS));
  EXPECT_OK(MakeSubvolumeWritable(snap.get()));
  EXPECT_OK(MakeDirectory(snap.get(), "x", 0700));
  EXPECT_OK(MakeSubvolumeWritable(snap.get()));
}

TEST_F(BtrfsTest, QuotaModeIsRead) {
  EXPECT_THAT(GetBtrfsQuotaMode(root_.get()), IsOkAndHolds(BtrfsQuotaMode::kNone));
  ASSERT_OK(EnableSimpleQuotas(root_.get()));
  EXPECT_THAT(GetBtrfsQuotaMode(root_.get()), IsOkAndHolds(BtrfsQuotaMode::kSimple));
  EXPECT_OK(EnableSimpleQuotas(root_.get()));
}

TEST_F(BtrfsTest, LimitOnTheLevelOneGroupIsEnforcedAndRead) {
  const SubvolumeId id = MakeLimited("v");
  ASSERT_OK_AND_ASSIGN(const UniqueFd directory, OpenDirectory(root_.get(), "v"));
  int error = 0;
  const int64_t taken = Fill(directory.get(), "big", error);
  EXPECT_EQ(error, EDQUOT);
  EXPECT_LE(taken, kLimit);
  EXPECT_GE(taken, kLimit - 2 * kMiB);
  ASSERT_OK(SyncFilesystem(root_.get()));
  ASSERT_OK_AND_ASSIGN(const auto group, GetQuotaGroup(root_.get(), {1, id}));
  ASSERT_TRUE(group.has_value());
  EXPECT_THAT(group->limit_bytes, Optional(kLimit));
  EXPECT_GE(group->used_bytes, taken);
  EXPECT_THAT(GetQuotaGroup(root_.get(), {1, 12345}), IsOkAndHolds(Eq(std::nullopt)));
}

TEST_F(BtrfsTest, NestedSubvolumeInheritsTheGroup) {
  const SubvolumeId id = MakeLimited("v");
  ASSERT_OK_AND_ASSIGN(const UniqueFd directory, OpenDirectory(root_.get(), "v"));
  ASSERT_OK(CreateSubvolume(directory.get(), "nested"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd nested, OpenDirectory(directory.get(), "nested"));
  int error = 0;
  const int64_t taken = Fill(nested.get(), "big", error);
  EXPECT_EQ(error, EDQUOT);
  EXPECT_LE(taken, kLimit);
  ASSERT_OK_AND_ASSIGN(const auto members, QuotaGroupMembers(root_.get(), {1, id}));
  EXPECT_EQ(members.size(), 2U);
  ASSERT_OK_AND_ASSIGN(const SubvolumeId nested_id, SubvolumeOf(nested.get()));
  EXPECT_THAT(ChildSubvolumes(root_.get(), id), IsOkAndHolds(ElementsAre(nested_id)));
}

TEST_F(BtrfsTest, GroupIsRemovedBeforeItsSubvolume) {
  const SubvolumeId id = MakeLimited("v");
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd directory, OpenDirectory(root_.get(), "v"));
    ASSERT_OK(WriteNewFile(directory.get(), "f", std::string(100'000, 'x'), 0600));
    ASSERT_OK(SyncFilesystem(root_.get()));
  }
  EXPECT_THAT(RemoveQuotaGroup(root_.get(), {1, id}), ErrnoIs(EBUSY));
  ASSERT_OK(TakeFromQuotaGroup(root_.get(), {0, id}, {1, id}));
  EXPECT_OK(TakeFromQuotaGroup(root_.get(), {0, id}, {1, id}));
  EXPECT_THAT(QuotaGroupMembers(root_.get(), {1, id}), IsOkAndHolds(IsEmpty()));
  EXPECT_OK(RemoveQuotaGroup(root_.get(), {1, id}));
  EXPECT_OK(RemoveQuotaGroup(root_.get(), {1, id}));
  EXPECT_OK(DestroySubvolume(root_.get(), "v"));
}

TEST_F(BtrfsTest, CountsInodes) {
  ASSERT_OK(CreateSubvolume(root_.get(), "v"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd directory, OpenDirectory(root_.get(), "v"));
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK(WriteNewFile(directory.get(), std::to_string(i), "x", 0600));
  }
  ASSERT_OK_AND_ASSIGN(const SubvolumeId id, SubvolumeOf(directory.get()));
  EXPECT_THAT(CountInodes(root_.get(), id, 1000), IsOkAndHolds(Optional(11)));
  EXPECT_THAT(CountInodes(root_.get(), id, 5), IsOkAndHolds(Eq(std::nullopt)));
}

TEST_F(BtrfsTest, GenerationGrowsWithChanges) {
  ASSERT_OK(CreateSubvolume(root_.get(), "v"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd directory, OpenDirectory(root_.get(), "v"));
  ASSERT_OK(CommitTransaction(root_.get()));
  ASSERT_OK_AND_ASSIGN(const uint64_t before, SubvolumeGeneration(directory.get()));
  ASSERT_OK(WriteNewFile(directory.get(), "f", "x", 0600));
  ASSERT_OK(CommitTransaction(root_.get()));
  ASSERT_OK_AND_ASSIGN(const uint64_t after, SubvolumeGeneration(directory.get()));
  EXPECT_GT(after, before);
}

}  // namespace
}  // namespace nodevol::host

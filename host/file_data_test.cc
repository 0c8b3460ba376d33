// SPDX-License-Identifier: Apache-2.0
#include "host/file_data.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "host/file.h"
#include "host/file_lock.h"
#include "host/loop_device.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::TestFilesystem;

constexpr size_t kPiece = size_t{64} * 1024;

// Each test runs on every filesystem that a pool may be.
class FileDataTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(TestFilesystem made, TestFilesystem::Create({.type = GetParam()}));
    filesystem_.emplace(std::move(made));
    ASSERT_OK_AND_ASSIGN(root_, OpenPath(filesystem_->path(), O_RDONLY | O_DIRECTORY));
  }

  [[nodiscard]] UniqueFd Create(const std::string& name) const {
    return OpenBeneath(root_.get(), name, O_RDWR | O_CREAT | O_EXCL, 0600).value();
  }
  [[nodiscard]] UniqueFd Open(const std::string& name) const {
    return OpenBeneath(root_.get(), name, O_RDWR).value();
  }

  static std::string ReadAt(int fd, int64_t offset, size_t bytes) {
    std::string content(bytes, '?');
    const ssize_t got = ::pread(fd, content.data(), bytes, offset);
    content.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return content;
  }

  // 64 MiB that are holes but for three pieces, one of them odd in its place and size.
  static void MakeSparse(int fd) {
    ASSERT_OK(SetFileSize(fd, 64 * kMiB));
    const std::string piece(kPiece, 'a');
    ASSERT_EQ(::pwrite(fd, piece.data(), kPiece, 0), static_cast<ssize_t>(kPiece));
    ASSERT_EQ(::pwrite(fd, "odd", 3, 20 * kMiB + 5), 3);
    ASSERT_EQ(::pwrite(fd, piece.data(), kPiece, 40 * kMiB), static_cast<ssize_t>(kPiece));
  }

  static void ExpectSparseCopy(int fd) {
    ASSERT_OK(Sync(fd));
    ASSERT_OK_AND_ASSIGN(const FileInfo info, Inspect(fd));
    EXPECT_EQ(info.size_bytes, 64 * kMiB);
    EXPECT_LE(info.allocated_bytes, kMiB);
    EXPECT_EQ(ReadAt(fd, 0, kPiece), std::string(kPiece, 'a'));
    EXPECT_EQ(ReadAt(fd, 20 * kMiB, 9), std::string("\0\0\0\0\0odd\0", 9));
    EXPECT_EQ(ReadAt(fd, 40 * kMiB - 1, kPiece + 2),
              '\0' + std::string(kPiece, 'a') + std::string(1, '\0'));
    EXPECT_EQ(ReadAt(fd, 64 * kMiB - 1, 2), std::string(1, '\0'));
  }

  std::optional<TestFilesystem> filesystem_;
  UniqueFd root_;
};

INSTANTIATE_TEST_SUITE_P(All, FileDataTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         [](const auto& type) { return std::string(FilesystemName(type.param)); });

TEST_P(FileDataTest, ReflinkSharesWhereTheFilesystemCan) {
  const UniqueFd source = Create("source");
  const UniqueFd target = Create("target");
  ASSERT_EQ(::pwrite(source.get(), "old", 3, 0), 3);
  if (GetParam() == FilesystemType::kExt4) {
    EXPECT_THAT(Reflink(source.get(), target.get()), ErrnoIs(EOPNOTSUPP));
    return;
  }
  ASSERT_OK(Reflink(source.get(), target.get()));
  ASSERT_EQ(::pwrite(source.get(), "new", 3, 0), 3);
  EXPECT_EQ(ReadAt(target.get(), 0, 9), "old");
}

TEST_P(FileDataTest, CopyKeepsContentAndHoles) {
  const UniqueFd source = Create("source");
  const UniqueFd target = Create("target");
  MakeSparse(source.get());
  ASSERT_OK(CopySparse(source.get(), target.get()));
  ExpectSparseCopy(target.get());
  ASSERT_EQ(::pwrite(source.get(), "b", 1, 0), 1);
  EXPECT_EQ(ReadAt(target.get(), 0, 1), "a");
}

TEST_P(FileDataTest, CopyToAnotherFilesystemKeepsContentAndHoles) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem other, TestFilesystem::Create({}));
  const UniqueFd source = Create("source");
  MakeSparse(source.get());
  ASSERT_OK_AND_ASSIGN(const UniqueFd other_root, OpenPath(other.path(), O_RDONLY | O_DIRECTORY));
  ASSERT_OK_AND_ASSIGN(const UniqueFd target,
                       OpenBeneath(other_root.get(), "target", O_RDWR | O_CREAT, 0600));
  ASSERT_OK(CopySparse(source.get(), target.get()));
  ExpectSparseCopy(target.get());
}

TEST_P(FileDataTest, CopyOfManyChunksIsWhole) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem other, TestFilesystem::Create({}));
  ASSERT_OK_AND_ASSIGN(const UniqueFd other_root, OpenPath(other.path(), O_RDONLY | O_DIRECTORY));
  std::string content;
  for (int i = 0; content.size() < size_t{20} * kMiB; ++i) content += std::to_string(i) + ' ';
  ASSERT_OK(WriteNewFile(root_.get(), "source", content, 0600));
  const UniqueFd source = Open("source");
  const UniqueFd target = Create("target");
  ASSERT_OK(CopySparse(source.get(), target.get()));
  EXPECT_TRUE(ReadAt(target.get(), 0, content.size() + 1) == content);
  ASSERT_OK_AND_ASSIGN(const UniqueFd far,
                       OpenBeneath(other_root.get(), "target", O_RDWR | O_CREAT, 0600));
  ASSERT_OK(CopySparse(source.get(), far.get()));
  EXPECT_TRUE(ReadAt(far.get(), 0, content.size() + 1) == content);
}

TEST_P(FileDataTest, CopyOfAnEmptyFileIsEmpty) {
  const UniqueFd source = Create("source");
  const UniqueFd target = Create("target");
  ASSERT_OK(SetFileSize(target.get(), kMiB));
  ASSERT_OK(CopySparse(source.get(), target.get()));
  ASSERT_OK_AND_ASSIGN(const FileInfo info, Inspect(target.get()));
  EXPECT_EQ(info.size_bytes, 0);
}

TEST_P(FileDataTest, AllocateReservesBlocks) {
  const UniqueFd grown = Create("grown");
  ASSERT_OK(Allocate(grown.get(), 8 * kMiB, /*keep_size=*/false));
  ASSERT_OK_AND_ASSIGN(const FileInfo grown_info, Inspect(grown.get()));
  EXPECT_EQ(grown_info.size_bytes, 8 * kMiB);
  EXPECT_GE(grown_info.allocated_bytes, 8 * kMiB);
  const UniqueFd kept = Create("kept");
  ASSERT_OK(Allocate(kept.get(), 8 * kMiB, /*keep_size=*/true));
  ASSERT_OK_AND_ASSIGN(const FileInfo kept_info, Inspect(kept.get()));
  EXPECT_EQ(kept_info.size_bytes, 0);
  EXPECT_GE(kept_info.allocated_bytes, 8 * kMiB);
}

TEST_P(FileDataTest, AllocateOfMoreThanThereIsSaysNoSpace) {
  const UniqueFd file = Create("file");
  EXPECT_THAT(Allocate(file.get(), 64 * kGiB, /*keep_size=*/false), ErrnoIs(ENOSPC));
}

TEST_P(FileDataTest, SoleOpenerIsAlone) {
  const UniqueFd file = Create("image");
  EXPECT_THAT(IsSoleOpener(file.get()), IsOkAndHolds(true));
  EXPECT_THAT(IsSoleOpener(file.get()), IsOkAndHolds(true));
  {
    const UniqueFd second = Open("image");
    EXPECT_THAT(IsSoleOpener(file.get()), IsOkAndHolds(false));
  }
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd reader, OpenBeneath(root_.get(), "image", O_RDONLY));
    EXPECT_THAT(IsSoleOpener(file.get()), IsOkAndHolds(false));
  }
  EXPECT_THAT(IsSoleOpener(file.get()), IsOkAndHolds(true));
}

TEST_P(FileDataTest, LoopDeviceIsAnOpenerToo) {
  for (const bool read_only : {false, true}) {
    const std::string name = read_only ? "read_only" : "writable";
    UniqueFd image = Create(name);
    ASSERT_OK(SetFileSize(image.get(), kMiB));
    ASSERT_OK_AND_ASSIGN(
        LoopDevice loop,
        AttachLoop(image.get(), {.read_only = read_only, .autoclear = true, .sector_bytes = 4096}));
    image.reset();
    const UniqueFd asker = Open(name);
    EXPECT_THAT(IsSoleOpener(asker.get()), IsOkAndHolds(false));
    loop.fd.reset();
    // The kernel drops the file a moment after the last close of the device.
    absl::StatusOr<bool> sole = false;
    for (int i = 0; i < 1000 && sole.ok() && !*sole; ++i) {
      sole = IsSoleOpener(asker.get());
      if (sole.ok() && !*sole) absl::SleepFor(absl::Milliseconds(5));
    }
    EXPECT_THAT(sole, IsOkAndHolds(true));
  }
}

TEST_P(FileDataTest, LockIsHeldByOneOpenFileUntilItIsClosed) {
  UniqueFd first = Create("lock");
  const UniqueFd second = Open("lock");
  EXPECT_THAT(TryLockFile(first.get()), IsOkAndHolds(true));
  EXPECT_THAT(TryLockFile(first.get()), IsOkAndHolds(true));
  EXPECT_THAT(TryLockFile(second.get()), IsOkAndHolds(false));
  {
    const UniqueFd third = Open("lock");
  }  // closing another one releases nothing
  EXPECT_THAT(TryLockFile(second.get()), IsOkAndHolds(false));
  first.reset();
  EXPECT_THAT(TryLockFile(second.get()), IsOkAndHolds(true));
}

TEST_P(FileDataTest, AskingForALockTakesNone) {
  UniqueFd owner = Create("lock");
  ASSERT_OK_AND_ASSIGN(const UniqueFd asker, OpenBeneath(root_.get(), "lock", O_RDONLY));
  EXPECT_THAT(IsLockedByAnother(asker.get()), IsOkAndHolds(false));
  ASSERT_THAT(TryLockFile(owner.get()), IsOkAndHolds(true));
  EXPECT_THAT(IsLockedByAnother(asker.get()), IsOkAndHolds(true));
  EXPECT_THAT(IsLockedByAnother(owner.get()), IsOkAndHolds(false)) << "its own";
  owner.reset();
  EXPECT_THAT(IsLockedByAnother(asker.get()), IsOkAndHolds(false));
}

}  // namespace
}  // namespace nodevol::host

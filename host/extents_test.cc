// SPDX-License-Identifier: Apache-2.0
#include "host/extents.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "host/btrfs.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/filesystem.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::TestFilesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = Extent::Kind;

constexpr int64_t kPiece = 64 * kKiB;
constexpr size_t kMany = 1024;

// Where an extent is and what it is; addresses are the filesystem's choice.
MATCHER_P3(ExtentIs, offset, length, kind, "") {
  *result_listener << arg.length << " bytes at " << arg.offset;
  return arg.offset == offset && arg.length == length && arg.kind == kind;
}

class ExtentsTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(TestFilesystem made, TestFilesystem::Create({.type = GetParam()}));
    filesystem_.emplace(std::move(made));
    ASSERT_OK_AND_ASSIGN(root_, OpenPath(filesystem_->path(), O_RDONLY | O_DIRECTORY));
    file_ = Create("file");
    ASSERT_OK(SetFileSize(file_.get(), kFileBytes));
  }

  [[nodiscard]] UniqueFd Create(const std::string& name) const {
    return OpenBeneath(root_.get(), name, O_RDWR | O_CREAT | O_EXCL, 0600).value();
  }
  // Leaves what it writes in memory.
  static void Write(int fd, int64_t offset, int64_t bytes, char what = 'a') {
    const std::string content(static_cast<size_t>(bytes), what);
    ASSERT_EQ(::pwrite(fd, content.data(), content.size(), offset), bytes);
  }
  ExtentMap Map(int fd, int64_t begin = 0, int64_t end = kFileBytes, size_t max = kMany) {
    absl::StatusOr<ExtentMap> map = ReadExtentMap(fd, begin, end, max);
    EXPECT_OK(map);
    return map.ok() ? *std::move(map) : ExtentMap();
  }

  static constexpr int64_t kFileBytes = 64 * kMiB;
  std::optional<TestFilesystem> filesystem_;
  UniqueFd root_;
  UniqueFd file_;
};

INSTANTIATE_TEST_SUITE_P(All, ExtentsTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         [](const auto& type) { return std::string(FilesystemName(type.param)); });

TEST_P(ExtentsTest, EmptyFileIsOneHole) {
  const ExtentMap map = Map(file_.get());
  EXPECT_THAT(map.extents, IsEmpty());
  EXPECT_EQ(map.begin, 0);
  EXPECT_EQ(map.end, kFileBytes);
}

TEST_P(ExtentsTest, WhatWasJustWrittenIsThereWithAnAddress) {
  Write(file_.get(), 4 * kMiB, kPiece);
  Write(file_.get(), 32 * kMiB, kPiece);
  const ExtentMap map = Map(file_.get());
  EXPECT_THAT(map.extents, ElementsAre(ExtentIs(4 * kMiB, kPiece, Kind::kData),
                                       ExtentIs(32 * kMiB, kPiece, Kind::kData)));
  EXPECT_EQ(map.end, kFileBytes);
  for (const Extent& extent : map.extents) EXPECT_GT(extent.address, 0);
}

TEST_P(ExtentsTest, ReservedBlocksAreUnwrittenUntilTheyAreWritten) {
  ASSERT_OK(Allocate(file_.get(), kMiB, /*keep_size=*/true));
  ASSERT_THAT(Map(file_.get()).extents, ElementsAre(ExtentIs(0, kMiB, Kind::kUnwritten)));
  Write(file_.get(), 2 * kPiece, kPiece);
  EXPECT_THAT(Map(file_.get()).extents,
              ElementsAre(ExtentIs(0, 2 * kPiece, Kind::kUnwritten),
                          ExtentIs(2 * kPiece, kPiece, Kind::kData),
                          ExtentIs(3 * kPiece, kMiB - 3 * kPiece, Kind::kUnwritten)));
}

TEST_P(ExtentsTest, PunchedOutIsAHole) {
  Write(file_.get(), 0, 3 * kPiece);
  ASSERT_EQ(::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kPiece, kPiece),
            0);
  EXPECT_THAT(Map(file_.get()).extents, ElementsAre(ExtentIs(0, kPiece, Kind::kData),
                                                    ExtentIs(2 * kPiece, kPiece, Kind::kData)));
}

TEST_P(ExtentsTest, PartOfAMapIsWhatTheWholeHasThere) {
  for (int64_t i = 0; i < 8; ++i) Write(file_.get(), 2 * i * kMiB, kMiB);
  const ExtentMap whole = Map(file_.get());
  ASSERT_THAT(whole.extents, SizeIs(8));
  // Begins and ends within extents.
  const ExtentMap part = Map(file_.get(), 4 * kMiB + kPiece, 8 * kMiB + kPiece);
  EXPECT_EQ(part.begin, 4 * kMiB + kPiece);
  EXPECT_EQ(part.end, 8 * kMiB + kPiece);
  ASSERT_THAT(part.extents, ElementsAre(ExtentIs(4 * kMiB + kPiece, kMiB - kPiece, Kind::kData),
                                        ExtentIs(6 * kMiB, kMiB, Kind::kData),
                                        ExtentIs(8 * kMiB, kPiece, Kind::kData)));
  EXPECT_EQ(part.extents[0].address, whole.extents[2].address + kPiece);
  EXPECT_EQ(part.extents[1].address, whole.extents[3].address);
  EXPECT_EQ(part.extents[2].address, whole.extents[4].address);
}

TEST_P(ExtentsTest, PiecesOfAMapAddUpToTheWhole) {
  for (int64_t i = 0; i < 16; ++i) Write(file_.get(), 3 * i * kMiB, kMiB);
  const ExtentMap whole = Map(file_.get());
  ASSERT_THAT(whole.extents, SizeIs(16));
  for (const size_t max : {size_t{1}, size_t{2}, size_t{5}, size_t{16}}) {
    std::vector<Extent> pieces;
    int64_t place = 0;
    while (place < kFileBytes) {
      const ExtentMap piece = Map(file_.get(), place, kFileBytes, max);
      ASSERT_GT(piece.end, place);
      ASSERT_LE(piece.extents.size(), max);
      pieces.insert(pieces.end(), piece.extents.begin(), piece.extents.end());
      place = piece.end;
    }
    EXPECT_EQ(pieces, whole.extents) << max << " at once";
  }
}

TEST_P(ExtentsTest, BehindTheEndIsNothing) {
  Write(file_.get(), kFileBytes - kPiece, kPiece);
  const ExtentMap map = Map(file_.get(), 0, 2 * kFileBytes);
  EXPECT_THAT(map.extents, ElementsAre(ExtentIs(kFileBytes - kPiece, kPiece, Kind::kData)));
  EXPECT_EQ(map.end, 2 * kFileBytes);
  EXPECT_THAT(Map(file_.get(), kFileBytes, 2 * kFileBytes).extents, IsEmpty());
}

TEST_P(ExtentsTest, SharedBlocksHaveOneAddressAndAWriterGetsAnother) {
  if (GetParam() == FilesystemType::kExt4) return;  // it shares none
  Write(file_.get(), 0, 4 * kPiece);
  const UniqueFd copy = Create("copy");
  ASSERT_OK(Reflink(file_.get(), copy.get()));
  const ExtentMap before = Map(copy.get());
  ASSERT_EQ(Map(file_.get()).extents, before.extents);
  // With what it holds already.
  Write(file_.get(), kPiece, kPiece);
  EXPECT_EQ(Map(copy.get()).extents, before.extents);
  const int64_t address = before.extents.at(0).address;
  const ExtentMap after = Map(file_.get());
  ASSERT_THAT(after.extents, SizeIs(3));
  EXPECT_EQ(after.extents[0].address, address);
  EXPECT_NE(after.extents[1].address, address + kPiece);
  EXPECT_EQ(after.extents[2].address, address + 2 * kPiece);
}

TEST_P(ExtentsTest, WhatIsNoRegularFileIsAnError) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  EXPECT_THAT(ReadExtentMap(reader.get(), 0, kMiB, kMany), ErrnoIs(EOPNOTSUPP));
}

TEST(CompressedExtentsTest, HaveNoAddress) {
  ASSERT_OK_AND_ASSIGN(
      const TestFilesystem filesystem,
      TestFilesystem::Create({.type = FilesystemType::kBtrfs, .mount_option = "compress"}));
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, OpenPath(filesystem.path(), O_RDONLY | O_DIRECTORY));
  ASSERT_OK(WriteNewFile(root.get(), "file", std::string(static_cast<size_t>(kMiB), 'a'), 0600));
  ASSERT_OK_AND_ASSIGN(const UniqueFd file, OpenBeneath(root.get(), "file", O_RDONLY));
  ASSERT_OK_AND_ASSIGN(const ExtentMap map, ReadExtentMap(file.get(), 0, kMiB, kMany));
  EXPECT_THAT(map.extents, ElementsAre(ExtentIs(0, kMiB, Kind::kOther)));
  EXPECT_EQ(map.extents.at(0).address, 0);
}

TEST(CompressedExtentsTest, SmallFilesInTheTreeHaveNoAddressEither) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem filesystem,
                       TestFilesystem::Create({.type = FilesystemType::kBtrfs}));
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, OpenPath(filesystem.path(), O_RDONLY | O_DIRECTORY));
  ASSERT_OK(WriteNewFile(root.get(), "file", "inline", 0600));
  ASSERT_OK_AND_ASSIGN(const UniqueFd file, OpenBeneath(root.get(), "file", O_RDONLY));
  ASSERT_OK_AND_ASSIGN(const ExtentMap map, ReadExtentMap(file.get(), 0, kMiB, kMany));
  ASSERT_THAT(map.extents, SizeIs(1));
  EXPECT_EQ(map.extents[0].kind, Kind::kOther);
}

}  // namespace
}  // namespace nodevol::host

// SPDX-License-Identifier: Apache-2.0
#include "storage/changed_blocks.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::Extent;
using host::ExtentMap;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kBlock = kBlockAlignment;

// A file as its filesystem sees it: pieces of 1 KiB, smaller than what is told of.
class FakeFile {
 public:
  static constexpr int64_t kPiece = 1024;
  static constexpr int64_t kHole = 0;
  static constexpr int64_t kUnwritten = -1;
  static constexpr int64_t kOther = -2;

  // The address of each piece, or one of the above.
  explicit FakeFile(std::vector<int64_t> pieces) : pieces_(std::move(pieces)) {}
  // Blocks, each at an address of its own.
  static FakeFile OfBlocks(const std::vector<int64_t>& blocks) {
    std::vector<int64_t> pieces;
    for (const int64_t block : blocks) {
      for (int64_t i = 0; i < kBlock / kPiece; ++i) {
        pieces.push_back(block > 0 ? block * kBlock + i * kPiece : block);
      }
    }
    return FakeFile(std::move(pieces));
  }

  [[nodiscard]] int64_t bytes() const { return static_cast<int64_t>(pieces_.size()) * kPiece; }
  // Of the piece at a place; zeros behind the end.
  [[nodiscard]] int64_t At(int64_t place) const {
    return place < bytes() ? pieces_[static_cast<size_t>(place / kPiece)] : kHole;
  }

  [[nodiscard]] ExtentMap Read(int64_t begin, int64_t end, size_t max_extents) const {
    ExtentMap map = {.begin = begin, .end = end, .extents = {}};
    for (int64_t place = begin; place < end; place += kPiece) {
      const int64_t what = At(place);
      if (what == kHole) continue;
      const Extent::Kind kind = what == kUnwritten ? Extent::Kind::kUnwritten
                                : what == kOther   ? Extent::Kind::kOther
                                                   : Extent::Kind::kData;
      const int64_t address = kind == Extent::Kind::kData ? what : 0;
      if (!map.extents.empty()) {
        Extent& last = map.extents.back();
        const bool continues = kind != Extent::Kind::kData || last.address + last.length == address;
        if (last.end() == place && last.kind == kind && continues) {
          last.length += kPiece;
          continue;
        }
      }
      if (map.extents.size() == max_extents) {
        map.end = map.extents.back().end();
        return map;
      }
      map.extents.push_back({.offset = place, .length = kPiece, .address = address, .kind = kind});
    }
    return map;
  }

 private:
  std::vector<int64_t> pieces_;
};

bool IsZeros(int64_t what) { return what == FakeFile::kHole || what == FakeFile::kUnwritten; }

// Whether a block must be told of: by looking at every piece of it.
bool IsAllocated(const FakeFile& file, int64_t block) {
  for (int64_t place = block; place < block + kBlock; place += FakeFile::kPiece) {
    if (!IsZeros(file.At(place))) return true;
  }
  return false;
}
bool Differs(const FakeFile& base, int64_t base_end, const FakeFile& target, int64_t block) {
  for (int64_t place = block; place < block + kBlock; place += FakeFile::kPiece) {
    if (place >= base_end) return true;
    const int64_t a = base.At(place);
    const int64_t b = target.At(place);
    if (!(IsZeros(a) && IsZeros(b)) && (a != b || a == FakeFile::kOther)) return true;
  }
  return false;
}

std::string Describe(const std::vector<BlockRange>& ranges) {
  std::string text;
  for (const BlockRange& range : ranges) {
    absl::StrAppend(&text, range.length, "@", range.offset, " ");
  }
  return text;
}

// All pages from `begin` on.
template <typename ReadPage>
std::vector<BlockRange> AllPages(int64_t begin, size_t limit, ReadPage read_page) {
  std::vector<BlockRange> all;
  while (true) {
    const absl::StatusOr<BlockPage> page = read_page(begin, limit);
    EXPECT_OK(page);
    if (!page.ok()) return all;
    EXPECT_LE(page->ranges.size(), limit);
    all.insert(all.end(), page->ranges.begin(), page->ranges.end());
    if (!page->next_offset.has_value()) return all;
    EXPECT_THAT(page->ranges, SizeIs(limit)) << "a page that is not full is the last";
    EXPECT_GT(*page->next_offset, begin);
    begin = *page->next_offset;
  }
}

// What is expected of the blocks of [begin, end), those for which `is_told` is true.
template <typename IsTold>
std::vector<BlockRange> Expected(int64_t begin, int64_t end, IsTold is_told) {
  std::vector<BlockRange> ranges;
  for (int64_t block = begin / kBlock * kBlock; block < end; block += kBlock) {
    if (!is_told(block)) continue;
    if (!ranges.empty() && ranges.back().end() == block) {
      ranges.back().length += kBlock;
    } else {
      ranges.push_back({.offset = block, .length = kBlock});
    }
  }
  return ranges;
}

// Two files that share some of their blocks, and how they are looked at.
class RandomMapsTest : public ::testing::Test {
 protected:
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  int64_t Address() { return (1 + Below(1000)) * FakeFile::kPiece; }

  void MakeFiles() {
    end_ = (1 + Below(40)) * kBlock;
    const auto pieces = static_cast<size_t>(end_ / FakeFile::kPiece);
    std::vector<int64_t> base;
    std::vector<int64_t> target;
    // Runs of something, in both or in one.
    while (target.size() < pieces) {
      const int64_t kind = Below(6);
      const int64_t base_kind = Below(8) == 0 ? Below(6) : kind;
      const int64_t address = Address();
      const int64_t base_address = Below(3) == 0 ? Address() : address;
      const int64_t run = 1 + Below(12);
      for (int64_t i = 0; i < run; ++i) {
        // Half of them are data.
        const int64_t step = i * FakeFile::kPiece;
        target.push_back(kind < 3 ? address + step : 3 - kind);
        base.push_back(base_kind < 3 ? base_address + step : 3 - base_kind);
      }
    }
    // A file may end before its volume does.
    base.resize(pieces - static_cast<size_t>(Below(end_ / FakeFile::kPiece)));
    target.resize(pieces - static_cast<size_t>(Below(4) == 0 ? Below(end_ / FakeFile::kPiece) : 0));
    base_ = FakeFile(std::move(base));
    target_ = FakeFile(std::move(target));
    base_end_ = Below(3) == 0 ? RoundUp(1 + Below(end_), kBlock) : end_;
    extents_per_read_ = static_cast<size_t>(1 + Below(6));
  }

  [[nodiscard]] auto ReaderOf(const FakeFile& file) const {
    return [&file, this](int64_t from, int64_t to) -> absl::StatusOr<ExtentMap> {
      return file.Read(from, to, extents_per_read_);
    };
  }

  const unsigned seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  int64_t end_ = 0;
  FakeFile base_{{}};
  FakeFile target_{{}};
  int64_t base_end_ = 0;
  size_t extents_per_read_ = 1;
};

TEST_F(RandomMapsTest, AreComparedAsByHand) {
  for (int round = 0; round < 400; ++round) {
    SCOPED_TRACE(absl::StrCat("seed ", seed_, " round ", round));
    MakeFiles();
    const int64_t begin = Below(end_);
    const auto limit = static_cast<size_t>(1 + Below(5));
    const auto allocated = AllPages(begin, limit, [this](int64_t from, size_t most) {
      return AllocatedBlocks(ReaderOf(target_), {.begin = from, .end = end_, .limit = most});
    });
    EXPECT_EQ(Describe(allocated), Describe(Expected(begin, end_, [this](int64_t block) {
                return IsAllocated(target_, block);
              })));
    const auto changed = AllPages(begin, limit, [this](int64_t from, size_t most) {
      return ChangedBlocks(ReaderOf(base_), base_end_, ReaderOf(target_),
                           {.begin = from, .end = end_, .limit = most});
    });
    EXPECT_EQ(Describe(changed), Describe(Expected(begin, end_, [this](int64_t block) {
                return Differs(base_, base_end_, target_, block);
              })));
  }
}

// What ChangedBlocks says of small files, whole.
absl::StatusOr<BlockPage> Changed(ReadMap base, ReadMap target, int64_t end) {
  return ChangedBlocks(base, end, target, {.begin = 0, .end = end, .limit = 100});
}

class MovedBlocksTest : public ::testing::Test {
 protected:
  // Reads of the file take the maps one after the other, and then the last one again and again.
  static auto Sequence(std::vector<FakeFile> states, int& reads) {
    return [states = std::move(states), &reads](int64_t from, int64_t to) {
      const size_t state = std::min(static_cast<size_t>(reads++), states.size() - 1);
      return absl::StatusOr<ExtentMap>(states[state].Read(from, to, 100));
    };
  }

  int base_reads_ = 0;
  int target_reads_ = 0;
};

TEST_F(MovedBlocksTest, AddressThatTheTargetHadBeforeTheBaseGotItProvesNothing) {
  // The target's block moves from 7 to 9, and then the base's, another one, from 5 to 7.
  const auto target = Sequence({FakeFile::OfBlocks({7}), FakeFile::OfBlocks({9})}, target_reads_);
  const auto base = Sequence({FakeFile::OfBlocks({7})}, base_reads_);
  ASSERT_OK_AND_ASSIGN(const BlockPage page, Changed(base, target, kBlock));
  EXPECT_THAT(page.ranges, ElementsAre(BlockRange{0, kBlock}));
}

TEST_F(MovedBlocksTest, MovedTogetherAndThenAtRestIsUnchanged) {
  const auto target =
      Sequence({FakeFile::OfBlocks({7, 1}), FakeFile::OfBlocks({9, 1})}, target_reads_);
  const auto base = Sequence({FakeFile::OfBlocks({7, 2}), FakeFile::OfBlocks({9, 2})}, base_reads_);
  ASSERT_OK_AND_ASSIGN(const BlockPage page, Changed(base, target, 2 * kBlock));
  EXPECT_THAT(page.ranges, ElementsAre(BlockRange{kBlock, kBlock}));
  EXPECT_GT(target_reads_, 2);
}

TEST_F(MovedBlocksTest, WhatMovesAllTheTimeIsChangedAndHolesAreNot) {
  const auto target = [this](int64_t from, int64_t to) -> absl::StatusOr<ExtentMap> {
    return FakeFile::OfBlocks({++target_reads_, FakeFile::kHole, FakeFile::kUnwritten, 1000})
        .Read(from, to, 100);
  };
  // Always where the target was when it was read last.
  const auto base = [this](int64_t from, int64_t to) -> absl::StatusOr<ExtentMap> {
    return FakeFile::OfBlocks({target_reads_, FakeFile::kUnwritten, FakeFile::kHole, 1000})
        .Read(from, to, 100);
  };
  ASSERT_OK_AND_ASSIGN(const BlockPage page, Changed(base, target, 4 * kBlock));
  EXPECT_THAT(page.ranges, ElementsAre(BlockRange{0, kBlock}, BlockRange{3 * kBlock, kBlock}));
}

TEST(BlockScanTest, NobodyWaitsIsCancelledBetweenReads) {
  int reads = 0;
  const auto read = [&reads](int64_t from, int64_t) -> absl::StatusOr<ExtentMap> {
    ++reads;
    return ExtentMap{.begin = from, .end = from + kBlock, .extents = {}};
  };
  const BlockScan scan = {
      .begin = 0, .end = 1000 * kBlock, .limit = 1, .abandoned = [&reads] { return reads >= 30; }};
  EXPECT_THAT(AllocatedBlocks(read, scan), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(reads, 30);
  reads = 0;
  EXPECT_THAT(ChangedBlocks(read, scan.end, read, scan), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(reads, 30);
}

TEST(BlockScanTest, ErrorOfAReadIsTheAnswer) {
  const auto broken = [](int64_t, int64_t) -> absl::StatusOr<ExtentMap> {
    return absl::InternalError("the disk fails");
  };
  const auto sound = [](int64_t from, int64_t to) -> absl::StatusOr<ExtentMap> {
    return ExtentMap{.begin = from, .end = to, .extents = {}};
  };
  const BlockScan scan = {.begin = 0, .end = kBlock, .limit = 1};
  const auto fails = StatusIs(absl::StatusCode::kInternal, "the disk fails");
  EXPECT_THAT(AllocatedBlocks(broken, scan), fails);
  EXPECT_THAT(ChangedBlocks(broken, kBlock, sound, scan), fails);
  EXPECT_THAT(ChangedBlocks(sound, kBlock, broken, scan), fails);
}

TEST(BlockScanTest, PageOfNoRangesIsNotWhatAnybodyGets) {
  const FakeFile file = FakeFile::OfBlocks({1});
  const auto read = [&file](int64_t from, int64_t to) -> absl::StatusOr<ExtentMap> {
    return file.Read(from, to, 1);
  };
  ASSERT_OK_AND_ASSIGN(const BlockPage page,
                       AllocatedBlocks(read, {.begin = 0, .end = kBlock, .limit = 0}));
  EXPECT_THAT(page.ranges, ElementsAre(BlockRange{0, kBlock}));
}

TEST(BlockScanTest, FromTheEndOnIsNothing) {
  const auto never = [](int64_t, int64_t) -> absl::StatusOr<ExtentMap> {
    return absl::InternalError("asked for nothing");
  };
  const BlockScan scan = {.begin = 8 * kBlock, .end = 8 * kBlock, .limit = 1};
  ASSERT_OK_AND_ASSIGN(const BlockPage allocated, AllocatedBlocks(never, scan));
  EXPECT_THAT(allocated.ranges, IsEmpty());
  EXPECT_FALSE(allocated.next_offset.has_value());
  ASSERT_OK_AND_ASSIGN(const BlockPage changed, ChangedBlocks(never, kBlock, never, scan));
  EXPECT_THAT(changed.ranges, IsEmpty());
  EXPECT_FALSE(changed.next_offset.has_value());
}

}  // namespace
}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/changed_blocks.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status_macros.h"

namespace nodevol::storage {
namespace {

using host::Extent;
using host::ExtentMap;

// How often maps are compared anew when their files' blocks were moved meanwhile.
constexpr int kAttempts = 4;

// Makes a page of what is found, in ascending order.
class PageMaker {
 public:
  // A page of nothing, again and again, would never come to an end.
  explicit PageMaker(const BlockScan& scan)
      : end_(scan.end), limit_(std::max<size_t>(scan.limit, 1)) {}

  // Adds [begin, end), widened to whole blocks. False when it belongs to the next page.
  [[nodiscard]] bool Add(int64_t begin, int64_t end) {
    begin = begin / kBlockAlignment * kBlockAlignment;
    end = std::min(RoundUp(end, kBlockAlignment), end_);
    if (!page_.ranges.empty() && begin <= page_.ranges.back().end()) {
      BlockRange& last = page_.ranges.back();
      last.length = std::max(last.end(), end) - last.offset;
      return true;
    }
    if (page_.ranges.size() == limit_) {
      page_.next_offset = begin;
      return false;
    }
    page_.ranges.push_back({.offset = begin, .length = end - begin});
    return true;
  }
  BlockPage Take() { return std::move(page_); }

 private:
  const int64_t end_;
  const size_t limit_;
  BlockPage page_;
};

absl::Status CheckWanted(const BlockScan& scan) {
  if (!scan.abandoned()) return absl::OkStatus();
  return absl::CancelledError("nobody waits for the list of blocks any more");
}

bool IsZeros(const Extent* extent) {
  return extent == nullptr || extent->kind == Extent::Kind::kUnwritten;
}

// Whether the files are known to have the same bytes where these extents, or holes, overlap.
bool AreSame(const Extent* a, const Extent* b) {
  if (IsZeros(a) || IsZeros(b)) return IsZeros(a) && IsZeros(b);
  return a->kind == Extent::Kind::kData && b->kind == Extent::Kind::kData &&
         a->address - a->offset == b->address - b->offset;
}

// Goes through a map once.
class Cursor {
 public:
  explicit Cursor(const ExtentMap& map) : map_(map), next_(map.extents.begin()) {}

  // The extent at this place, null in a hole; places ascend.
  const Extent* At(int64_t place) {
    while (next_ != map_.extents.end() && next_->end() <= place) ++next_;
    return next_ != map_.extents.end() && next_->offset <= place ? &*next_ : nullptr;
  }
  // Where that ends, which At(place) was asked for.
  [[nodiscard]] int64_t EndFrom(int64_t place) const {
    if (next_ == map_.extents.end()) return map_.end;
    return next_->offset <= place ? next_->end() : next_->offset;
  }

 private:
  const ExtentMap& map_;
  std::vector<Extent>::const_iterator next_;
};

// The maps of the same part of two files.
struct MapPair {
  ExtentMap base;
  ExtentMap target;
};

void Shorten(ExtentMap& map, int64_t end) {
  map.end = end;
  while (!map.extents.empty() && map.extents.back().offset >= end) map.extents.pop_back();
  if (map.extents.empty()) return;
  Extent& last = map.extents.back();
  last.length = std::min(last.end(), end) - last.offset;
}

// Both maps from `begin` on, as far as one look at each goes, at most to `end`.
//
// The filesystem may move blocks of either file (balance, defragmentation), and then give the place
// to the other: an address that was read from one before and from the other after is no proof. So
// the target's map is read again after the base's. If it is the same, its addresses were its own
// when the base's were read.
absl::StatusOr<MapPair> ReadPair(ReadMap read_base, ReadMap read_target, int64_t begin,
                                 int64_t end) {
  MapPair pair;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(pair.target, read_target(begin, end));
    ASSIGN_OR_RETURN(pair.base, read_base(begin, pair.target.end));
    Shorten(pair.target, pair.base.end);
    ASSIGN_OR_RETURN(const ExtentMap again, read_target(begin, pair.target.end));
    if (again.extents == pair.target.extents) return pair;
  }
  // It moves all the time: no address proves anything. Holes do not move.
  for (Extent& extent : pair.target.extents) {
    if (extent.kind == Extent::Kind::kData) extent.kind = Extent::Kind::kOther;
  }
  return pair;
}

// Adds where the maps differ; false once the page is full.
bool AddDifferences(const MapPair& pair, PageMaker& page) {
  Cursor base(pair.base);
  Cursor target(pair.target);
  int64_t place = pair.target.begin;
  while (place < pair.target.end) {
    const bool same = AreSame(base.At(place), target.At(place));
    const int64_t end = std::min(base.EndFrom(place), target.EndFrom(place));
    if (!same && !page.Add(place, end)) return false;
    place = end;
  }
  return true;
}

int64_t AlignedBegin(const BlockScan& scan) {
  return scan.begin / kBlockAlignment * kBlockAlignment;
}

}  // namespace

absl::StatusOr<BlockPage> AllocatedBlocks(ReadMap image, const BlockScan& scan) {
  PageMaker page(scan);
  int64_t place = AlignedBegin(scan);
  while (place < scan.end) {
    RETURN_IF_ERROR(CheckWanted(scan));
    ASSIGN_OR_RETURN(const ExtentMap map, image(place, scan.end));
    for (const Extent& extent : map.extents) {
      if (!IsZeros(&extent) && !page.Add(extent.offset, extent.end())) return page.Take();
    }
    place = map.end;
  }
  return page.Take();
}

absl::StatusOr<BlockPage> ChangedBlocks(ReadMap base, int64_t base_end, ReadMap target,
                                        const BlockScan& scan) {
  PageMaker page(scan);
  int64_t place = AlignedBegin(scan);
  const int64_t common_end = std::min(base_end, scan.end);
  while (place < common_end) {
    RETURN_IF_ERROR(CheckWanted(scan));
    ASSIGN_OR_RETURN(const MapPair pair, ReadPair(base, target, place, common_end));
    if (!AddDifferences(pair, page)) return page.Take();
    place = pair.target.end;
  }
  // Whether it fits or not, it is the last.
  if (place < scan.end) (void)page.Add(place, scan.end);
  return page.Take();
}

}  // namespace nodevol::storage

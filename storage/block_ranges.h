// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_BLOCK_RANGES_H_
#define NODEVOL_STORAGE_BLOCK_RANGES_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace nodevol::storage {

// Ranges begin and end at multiples of this many bytes, as volumes do.
inline constexpr int64_t kBlockAlignment = 4096;

// A part of a volume's content, in bytes.
struct BlockRange {
  int64_t offset = 0;
  int64_t length = 0;

  [[nodiscard]] int64_t end() const { return offset + length; }
  friend bool operator==(const BlockRange&, const BlockRange&) = default;
};

// A page of a list of ranges: ascending, with something between each and the next.
struct BlockPage {
  std::vector<BlockRange> ranges;
  // Where the next page begins; none when this is the last.
  std::optional<int64_t> next_offset;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_BLOCK_RANGES_H_

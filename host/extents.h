// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_EXTENTS_H_
#define NODEVOL_HOST_EXTENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

// Where the data of a regular file is on its filesystem's devices (FIEMAP).
namespace nodevol::host {

// A piece of a file that has blocks. Offsets and lengths are in bytes.
struct Extent {
  enum class Kind {
    kData,       // at `address`, as it is read
    kUnwritten,  // reserved; reads as zeros
    kOther,      // data without an address of its own: compressed, encrypted, inline, unknown
  };

  int64_t offset = 0;  // in the file
  int64_t length = 0;
  // Of kData, 0 otherwise. Two files of one filesystem that have an address at the same time have
  // the same bytes there.
  int64_t address = 0;
  Kind kind = Kind::kOther;

  [[nodiscard]] int64_t end() const { return offset + length; }
  friend bool operator==(const Extent&, const Extent&) = default;
};

// What is known of the part [begin, end) of a file: its extents, ascending, as long as they can be,
// none beyond the part. What they leave out is holes, or beyond the file's end.
struct ExtentMap {
  int64_t begin = 0;
  int64_t end = 0;
  std::vector<Extent> extents;

  friend bool operator==(const ExtentMap&, const ExtentMap&) = default;
};

// The map of a part that starts at `begin` (>= 0) and ends at `end` (> begin), or before it when
// the filesystem has told of `max_extents` (> 0) extents; it is never empty. What is dirty is
// written out first: without that, a map misses what was written a moment ago. `fd` is open for
// reading. INTERNAL when what the kernel says makes no sense.
absl::StatusOr<ExtentMap> ReadExtentMap(int fd, int64_t begin, int64_t end, size_t max_extents);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_EXTENTS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_CHANGED_BLOCKS_H_
#define NODEVOL_STORAGE_CHANGED_BLOCKS_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "host/extents.h"
#include "storage/block_ranges.h"

// Which parts of a snapshot's image are allocated, and which differ from an older snapshot's: by
// where their blocks are, without reading them. It costs by the number of extents, not of bytes,
// and keeps a few parts of the maps in memory, however long they are.
//
// This is for images that nobody writes to, in files of one filesystem. A block that two of them
// have in common stays what it is, since a writer gets another one: the same address, seen in both
// at one time, is the same content. All else counts as changed. So nothing is missed, and what is
// told in vain are blocks that were overwritten with what they held.
namespace nodevol::storage {

// A part of one image's extent map (host::ReadExtentMap): from `begin`, at most to `end`.
using ReadMap = absl::FunctionRef<absl::StatusOr<host::ExtentMap>(int64_t begin, int64_t end)>;

// What of a list is wanted.
struct BlockScan {
  int64_t begin = 0;  // rounded down to kBlockAlignment
  int64_t end = 0;    // the size of the volume; behind the end of its file are zeros
  size_t limit = 1;   // ranges of a page; 0 is taken for 1
  // Asked now and then; once it is true the answer is CANCELLED.
  std::function<bool()> abandoned = [] { return false; };
};

// A page of the ranges that hold data, which may be zeros. All else reads as zeros.
absl::StatusOr<BlockPage> AllocatedBlocks(ReadMap image, const BlockScan& scan);

// A page of the ranges in which `target` may differ from `base`. All that is behind the base's end,
// `base_end`, is told: the volume has grown.
absl::StatusOr<BlockPage> ChangedBlocks(ReadMap base, int64_t base_end, ReadMap target,
                                        const BlockScan& scan);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_CHANGED_BLOCKS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_BLOCK_BENCH_H_
#define NODEVOL_BENCH_BLOCK_BENCH_H_

#include "absl/status/statusor.h"

#include "bench/kinds.h"
#include "bench/results.h"

namespace nodevol::bench {

// Measures what it costs to learn which blocks a snapshot has (GetMetadataAllocated) and which have
// changed since an older one (GetMetadataDelta), over volumes of several sizes with several numbers
// of ranges; and what it costs to find the same out by reading the images.
absl::StatusOr<BlockResult> BenchBlocks(const PoolPlan& plan, const RunOptions& options);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_BLOCK_BENCH_H_

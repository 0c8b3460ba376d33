// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_POOL_BENCH_H_
#define NODEVOL_BENCH_POOL_BENCH_H_

#include "absl/status/statusor.h"

#include "bench/kinds.h"
#include "bench/results.h"

namespace nodevol::bench {

// How many volumes live at once in a round of measurements.
int VolumesPerRound(const RunOptions& options);

// Measures one plan: two drivers, one with no volumes and one with many, take turns, so that what
// else the machine does meets both alike.
absl::StatusOr<PoolResult> BenchPool(const PoolPlan& plan, const RunOptions& options);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_POOL_BENCH_H_

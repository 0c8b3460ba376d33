// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_LOAD_H_
#define NODEVOL_BENCH_LOAD_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nodevol::bench {

// One operation done many times by several workers at once.
struct Phase {
  std::vector<absl::Duration> latencies;  // by index of the work
  absl::Duration wall;                    // from the first start to the last end
};

// Calls work(worker, index) for every index in [0, count) from `workers` threads that start
// together; who is free takes the next. After an error, or an interruption of the program, nothing
// new is begun and the first error returned.
absl::StatusOr<Phase> RunLoad(int workers, int count,
                              absl::FunctionRef<absl::Status(int worker, int index)> work);

// What the two would be as one operation on each thing: the sums.
Phase Chain(const Phase& first, const Phase& second);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_LOAD_H_

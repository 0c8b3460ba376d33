// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_FLOOR_H_
#define NODEVOL_BENCH_FLOOR_H_

#include <string>

#include "absl/status/statusor.h"

#include "bench/load.h"

namespace nodevol::bench {

// The least that anybody could do to make a small object durable on this machine, without a driver:
// mkdir, a file of 1 KiB in it, fsync, rename to where it belongs, fsync of that directory. By as
// many threads at once as there are clients, in a directory of its own in the root of the mounted
// `filesystem`, which is removed again.
absl::StatusOr<Phase> MeasureFloor(const std::string& filesystem, int workers, int count);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_FLOOR_H_

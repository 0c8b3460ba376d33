// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_FLOOR_H_
#define NODEVOL_BENCH_FLOOR_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "bench/load.h"

namespace nodevol::bench {

// The least that anybody could do to make a small object durable on this machine, without a driver:
// mkdir, a file of 1 KiB in it, fsync, rename to where it belongs, fsync of that directory. By as
// many threads at once as there are clients, in a directory of its own in the root of the mounted
// `filesystem`, which is removed again.
absl::StatusOr<Phase> MeasureFloor(const std::string& filesystem, int workers, int count);

// What the kernel takes for directory volumes on btrfs: the system calls of a create without a
// driver, one after the other, each with what it must wait for: a subvolume, its quota group and
// limit of `bytes`, committed; a file of 1 KiB, fsync of it and of its directory; rename, fsync of
// both directories. Where and by whom as above. They are removed again, but what btrfs does of that
// in the background is not awaited.
absl::StatusOr<Phase> MeasureBareSubvolumes(const std::string& filesystem, int64_t bytes,
                                            int workers, int count);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_FLOOR_H_

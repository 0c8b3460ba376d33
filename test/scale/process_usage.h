// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_PROCESS_USAGE_H_
#define NODEVOL_TEST_SCALE_PROCESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nodevol::testing {

// What a process has taken of its machine since it began.
struct ProcessUsage {
  int64_t resident_bytes = 0;       // now
  int64_t peak_resident_bytes = 0;  // at most, so far
  absl::Duration processor;         // of all its threads, in user space and in the kernel
};

// Of a process that exists. INTERNAL when /proc does not say.
absl::StatusOr<ProcessUsage> UsageOf(pid_t pid);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_PROCESS_USAGE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_INTERRUPTION_H_
#define NODEVOL_BENCH_INTERRUPTION_H_

#include "absl/status/status.h"

namespace nodevol::bench {

// SIGINT and SIGTERM only set a mark from now on: whoever runs for long looks at it and returns,
// so that destructors take everything down.
void WatchForInterruption();
// CANCELLED once one of them came.
absl::Status CheckNotInterrupted();

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_INTERRUPTION_H_

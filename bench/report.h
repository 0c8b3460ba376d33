// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_REPORT_H_
#define NODEVOL_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "bench/results.h"

namespace nodevol::bench {

struct RunDescription {
  absl::Time date;
  std::string command;
  absl::Duration took;
  std::vector<std::pair<std::string, std::string>> machine;
  RunOptions options;
};

// The whole page, in Markdown.
std::string Report(const RunDescription& run, const std::vector<PoolResult>& pools,
                   const std::vector<BlockResult>& blocks,
                   const std::optional<ClusterResult>& cluster);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_REPORT_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_STATISTICS_H_
#define NODEVOL_BENCH_STATISTICS_H_

#include <vector>

#include "bench/load.h"

namespace nodevol::bench {

// The value below which the share `q` in [0, 1] of the values lies, interpolated between
// neighbours; 0 of none.
double Quantile(std::vector<double> values, double q);

// What the phases of one operation, one a round, say together.
struct Summary {
  double median_ms = 0;
  double p95_ms = 0;
  double p99_ms = 0;
  double per_second = 0;
};
Summary Summarize(const std::vector<Phase>& rounds);

// How one state compares with another in which the same operation was measured in turns.
struct Comparison {
  double ratio = 1;       // of the medians over all rounds
  double low = 1;         // the middle half of the ratios of the rounds' medians: what noise makes
  double high = 1;        // of the ratio
  double per_second = 1;  // ratio of the throughputs
};
Comparison Compare(const std::vector<Phase>& state, const std::vector<Phase>& base);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_STATISTICS_H_

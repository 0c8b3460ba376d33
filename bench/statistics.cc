// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace nodevol::bench {
namespace {

void AddMilliseconds(const Phase& phase, std::vector<double>& values) {
  for (const absl::Duration latency : phase.latencies) {
    values.push_back(absl::ToDoubleMilliseconds(latency));
  }
}

double MedianOf(const Phase& phase) {
  std::vector<double> values;
  AddMilliseconds(phase, values);
  return Quantile(std::move(values), 0.5);
}

double Ratio(double value, double base) { return base > 0 ? value / base : 0; }

}  // namespace

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(std::floor(position));
  const size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], position - std::floor(position));
}

Summary Summarize(const std::vector<Phase>& rounds) {
  std::vector<double> values;
  absl::Duration wall;
  for (const Phase& phase : rounds) {
    AddMilliseconds(phase, values);
    wall += phase.wall;
  }
  Summary summary;
  summary.per_second = Ratio(static_cast<double>(values.size()), absl::ToDoubleSeconds(wall));
  summary.median_ms = Quantile(values, 0.5);
  summary.p95_ms = Quantile(values, 0.95);
  summary.p99_ms = Quantile(std::move(values), 0.99);
  return summary;
}

Comparison Compare(const std::vector<Phase>& state, const std::vector<Phase>& base) {
  const Summary ours = Summarize(state);
  const Summary theirs = Summarize(base);
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(state.size(), base.size()); ++i) {
    ratios.push_back(Ratio(MedianOf(state[i]), MedianOf(base[i])));
  }
  return {.ratio = Ratio(ours.median_ms, theirs.median_ms),
          .low = Quantile(ratios, 0.25),
          .high = Quantile(ratios, 0.75),
          .per_second = Ratio(ours.per_second, theirs.per_second)};
}

}  // namespace nodevol::bench

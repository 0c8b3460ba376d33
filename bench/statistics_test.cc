// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nodevol::bench {
namespace {

Phase Of(const std::vector<int>& milliseconds) {
  Phase phase;
  for (const int value : milliseconds) phase.latencies.push_back(absl::Milliseconds(value));
  phase.wall = absl::Milliseconds(100);
  return phase;
}

TEST(Quantile, LiesBetweenNeighbours) {
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0), 1);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 1), 4);
}

TEST(Quantile, OfNothingIsZero) { EXPECT_DOUBLE_EQ(Quantile({}, 0.5), 0); }

TEST(Summarize, TakesAllRoundsTogether) {
  const Summary summary = Summarize({Of({1, 2}), Of({3, 4, 5})});
  EXPECT_DOUBLE_EQ(summary.median_ms, 3);
  EXPECT_DOUBLE_EQ(summary.p95_ms, 4.8);
  EXPECT_DOUBLE_EQ(summary.p99_ms, 4.96);
  EXPECT_DOUBLE_EQ(summary.per_second, 25);
}

TEST(Compare, ShowsTheRatioAndTheSpreadOfTheRounds) {
  const Comparison growth = Compare({Of({2}), Of({4}), Of({6}), Of({8}), Of({10})},
                                    {Of({2}), Of({2}), Of({2}), Of({2}), Of({2})});
  EXPECT_DOUBLE_EQ(growth.ratio, 3);
  EXPECT_DOUBLE_EQ(growth.low, 2);
  EXPECT_DOUBLE_EQ(growth.high, 4);
}

}  // namespace
}  // namespace nodevol::bench

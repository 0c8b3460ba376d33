// SPDX-License-Identifier: Apache-2.0
#include "bench/load.h"

#include <atomic>
#include <cstddef>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nodevol::bench {
namespace {

TEST(RunLoad, DoesEachOnce) {
  std::vector<std::atomic<int>> done(100);
  const absl::StatusOr<Phase> phase = RunLoad(8, 100, [&](int, int index) {
    ++done[static_cast<size_t>(index)];
    return absl::OkStatus();
  });
  ASSERT_TRUE(phase.ok());
  EXPECT_EQ(phase->latencies.size(), 100);
  for (const std::atomic<int>& times : done) EXPECT_EQ(times, 1);
}

TEST(RunLoad, StopsAtAnError) {
  std::atomic<int> calls = 0;
  const absl::StatusOr<Phase> phase = RunLoad(1, 100, [&](int, int) {
    return ++calls == 3 ? absl::InternalError("third") : absl::OkStatus();
  });
  EXPECT_EQ(phase.status(), absl::InternalError("third"));
  EXPECT_EQ(calls, 3);
}

TEST(Chain, AddsUp) {
  const Phase sum =
      Chain({{absl::Seconds(1)}, absl::Seconds(2)}, {{absl::Seconds(3)}, absl::Seconds(4)});
  EXPECT_EQ(sum.latencies.front(), absl::Seconds(4));
  EXPECT_EQ(sum.wall, absl::Seconds(6));
}

}  // namespace
}  // namespace nodevol::bench

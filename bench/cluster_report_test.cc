// SPDX-License-Identifier: Apache-2.0
#include "bench/cluster_report.h"

#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/bytes.h"
#include "bench/cluster_bench.h"

namespace nodevol::bench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<Phase> Took(absl::Duration latency) { return {Phase{{latency}, latency}}; }

ClusterResult Result() {
  ClusterResult result;
  result.options = {.nodes = 1024, .node_volumes = 20, .dials = 256, .samples = 1};
  result.empty_resident_bytes = 20 * kMiB;
  result.first.resident_bytes = 120 * kMiB;
  result.worked_resident_bytes = 130 * kMiB;
  result.again.peak_resident_bytes = 400 * kMiB;
  result.again.known = absl::Milliseconds(9900);
  result.calls[kCreateAtNode] = Took(absl::Microseconds(10));
  result.calls[kBareCall] = Took(absl::Microseconds(150));
  result.calls[kCreateInCluster] = Took(absl::Microseconds(400));
  result.calls[kSmallPage] = Took(absl::Microseconds(800));
  result.calls[kLargePage] = Took(absl::Milliseconds(4));
  return result;
}

TEST(ClusterSection, PutsGoalsBesideFigures) {
  EXPECT_THAT(
      ClusterSection(Result()),
      AllOf(HasSubstr("1024 simulated nodes with 20 volumes each"),
            HasSubstr("| memory of the controller that knows all | 120 MiB | at most 300 MiB |"),
            HasSubstr("| started again, at its peak | 400 MiB | at most 300 MiB: **missed** |"),
            HasSubstr("until all are known | 9.9 s | at most 10 s |"),
            HasSubstr("| ListVolumes, 100 a page, median | 0.80 ms | at most 1 ms |"),
            HasSubstr("| ListVolumes, 1000 a page, median | 4.00 ms | at most 1 ms: **missed** |"),
            HasSubstr("each node with its 20 volumes costs it 100 KiB more")));
}

TEST(ClusterSection, AddedIsWhatNeitherTheCallNorTheNodeTakes) {
  EXPECT_NEAR(AddedToCreate(Result()), 0.24, 1e-9);
  EXPECT_THAT(ClusterSection(Result()),
              HasSubstr("| added to a create, median | 0.24 ms | at most 1 ms |"));
}

TEST(ClusterSection, ShowsWhatTakesMicroseconds) {
  EXPECT_THAT(ClusterSection(Result()), HasSubstr("| 0.010 | 0.010 | 0.010 |"));
}

TEST(ClusterSection, IsLeftOutWithoutAResult) {
  EXPECT_THAT(ClusterSection(std::nullopt), IsEmpty());
  EXPECT_THAT(ClusterSection(Result()), Not(IsEmpty()));
}

}  // namespace
}  // namespace nodevol::bench

// SPDX-License-Identifier: Apache-2.0
#include "bench/block_report.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/bytes.h"

namespace nodevol::bench {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Phase Took(int milliseconds) {
  return {{absl::Milliseconds(milliseconds)}, absl::Milliseconds(milliseconds)};
}

BlockResult Result() {
  return {.pool = "xfs",
          .rows = {{.volume_bytes = kGiB,
                    .ranges = 1000,
                    .allocated = Took(2),
                    .delta = Took(4),
                    .read_allocated = Took(200),
                    .read_delta = Took(600)},
                   {.volume_bytes = 64 * kGiB,
                    .ranges = 1000,
                    .allocated = Took(3),
                    .delta = Took(4),
                    .read_allocated = Took(12800),
                    .read_delta = Took(30000)},
                   {.volume_bytes = kGiB,
                    .ranges = 10,
                    .allocated = Took(1),
                    .delta = Took(1),
                    .read_allocated = Took(200),
                    .read_delta = Took(600)}}};
}

TEST(ReadBlocks, ComparesWhatDiffersInOneThing) {
  const std::vector<std::string> lines = ReadBlocks(Result());
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("1000 ranges in 64 GiB instead of 1 GiB"),
                                    HasSubstr("Allocated takes 1.50 times as long, Delta 1.00"),
                                    HasSubstr("by reading 64.0 and 50.0"))));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("1000 ranges instead of 10 in 1 GiB"),
                                    HasSubstr("Allocated takes 2.00 times as long, Delta 4.00"))));
  EXPECT_THAT(lines, Contains("Reading takes 100 to 4267 times as long as Allocated."));
  EXPECT_THAT(lines, Contains("Reading takes 150 to 7500 times as long as Delta."));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("10 ranges in 64 GiB"))));
}

TEST(BlockSection, HasARowForEachVolumeAndIsLeftOutWithoutResults) {
  EXPECT_THAT(BlockSection({Result()}),
              AllOf(HasSubstr("### Pool on xfs"),
                    HasSubstr("| 64 GiB | 1000 | 3.00 | 3.00 | 4.00 | 4.00 | 12800 | 30000 |")));
  EXPECT_THAT(BlockSection({}), IsEmpty());
}

}  // namespace
}  // namespace nodevol::bench

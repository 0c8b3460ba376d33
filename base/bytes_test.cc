// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <limits>

#include "test/support/matchers.h"

namespace nodevol {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(HumanBytesTest, IsExactAndReadable) {
  EXPECT_EQ(HumanBytes(0), "0 bytes");
  EXPECT_EQ(HumanBytes(1023), "1023 bytes");
  EXPECT_EQ(HumanBytes(kKiB), "1 KiB (1024 bytes)");
  EXPECT_EQ(HumanBytes(3 * kGiB / 2), "1.5 GiB (1610612736 bytes)");
  EXPECT_EQ(HumanBytes(1023 * kMiB), "1023 MiB (1072693248 bytes)");
  EXPECT_EQ(HumanBytes(2 * kTiB), "2 TiB (2199023255552 bytes)");
}

TEST(ShortBytesTest, IsRounded) {
  EXPECT_EQ(ShortBytes(1023), "1023 bytes");
  EXPECT_EQ(ShortBytes(3 * kGiB / 2 + 1), "1.5 GiB");
}

TEST(HumanBytesTest, TakesEveryNumber) {
  EXPECT_EQ(HumanBytes(kMax), "8 EiB (9223372036854775807 bytes)");
  EXPECT_EQ(HumanBytes(-1), "-1 bytes");
  EXPECT_EQ(HumanBytes(-2 * kKiB), "-2 KiB (-2048 bytes)");
  EXPECT_EQ(HumanBytes(std::numeric_limits<int64_t>::min()), "-8 EiB (-9223372036854775808 bytes)");
}

TEST(RoundUpTest, GivesTheNextMultiple) {
  EXPECT_EQ(RoundUp(0, 4096), 0);
  EXPECT_EQ(RoundUp(1, 4096), 4096);
  EXPECT_EQ(RoundUp(4096, 4096), 4096);
  EXPECT_EQ(RoundUp(4097, 4096), 8192);
  EXPECT_EQ(RoundUp(7, 1), 7);
  EXPECT_EQ(RoundUp(10, 3), 12);
}

TEST(RoundUpTest, StopsAtTheLastMultipleInsteadOfOverflowing) {
  EXPECT_EQ(RoundUp(kMax, 1), kMax);
  EXPECT_EQ(RoundUp(kMax, 4096), kMax / 4096 * 4096);
  EXPECT_EQ(RoundUp(kMax - 1, 4096), kMax / 4096 * 4096);
  EXPECT_EQ(RoundUp(kMax - 4096, 4096), kMax / 4096 * 4096);
}

}  // namespace
}  // namespace nodevol

// SPDX-License-Identifier: Apache-2.0
#include "bench/reading.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "bench/round.h"

namespace nodevol::bench {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Rounds RoundsOf(int create_ms) {
  const Phase floor = {{absl::Milliseconds(1)}, absl::Milliseconds(1)};
  const Phase create = {{absl::Milliseconds(create_ms)}, absl::Milliseconds(create_ms)};
  return {{kFloor, {floor, floor}}, {kCreate, {create, create}}};
}

KindResult Kind(int empty_ms, int full_ms) {
  KindResult kind;
  kind.name = "some kind";
  kind.operations = {kFloor, kCreate};
  kind.empty = RoundsOf(empty_ms);
  kind.full = RoundsOf(full_ms);
  return kind;
}

TEST(JudgeGrowth, SaysWhatTheNoiseLetsOneSay) {
  EXPECT_EQ(JudgeGrowth({.ratio = 1.05, .low = 1.0, .high = 1.08}), "within 10 %");
  EXPECT_THAT(JudgeGrowth({.ratio = 1.05, .low = 0.8, .high = 1.3}), HasSubstr("rounds differ"));
  EXPECT_THAT(JudgeGrowth({.ratio = 1.2, .low = 0.9, .high = 1.4}), HasSubstr("to be sure"));
  EXPECT_EQ(JudgeGrowth({.ratio = 1.4, .low = 1.3, .high = 1.5}), "**more than 10 %**");
}

TEST(ReadKind, NamesWhatGrew) {
  EXPECT_THAT(ReadKind(Kind(10, 20), 0, 1000),
              Contains(HasSubstr("three rounds of four: create (2.00)")));
}

TEST(ReadKind, DoesNotBlameTheFlat) {
  EXPECT_THAT(ReadKind(Kind(10, 10), 0, 1000), Contains(HasSubstr("No operation grew")));
  EXPECT_THAT(ReadKind(Kind(10, 10), 0, 1000), Not(Contains(HasSubstr("**more than"))));
}

TEST(ReadKind, SetsTheKernelsPartOfTheGrowthApart) {
  KindResult kind = Kind(10, 15);
  kind.empty[kBareCalls] = RoundsOf(8)[kCreate];
  kind.full[kBareCalls] = RoundsOf(12)[kCreate];
  EXPECT_THAT(ReadKind(kind, 0, 1000),
              Contains(AllOf(HasSubstr("moved by 1.50"), HasSubstr("moved by 1.00 of that"),
                             HasSubstr("1.25 of their time in the full"))));
  EXPECT_THAT(ReadKind(Kind(10, 15), 0, 1000), Not(Contains(HasSubstr("without a driver"))));
}

}  // namespace
}  // namespace nodevol::bench

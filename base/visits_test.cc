// SPDX-License-Identifier: Apache-2.0
#include "base/visits.h"

#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

namespace nodevol {
namespace {

TEST(VisitsTest, ClosesWhenAllHaveGone) {
  Visits visits;
  std::optional<Visits::Visit> first = visits.Begin();
  std::optional<Visits::Visit> second = visits.Begin();
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_FALSE(visits.Close(absl::ZeroDuration()));
  first.reset();
  EXPECT_FALSE(visits.Close(absl::ZeroDuration()));
  second.reset();
  EXPECT_TRUE(visits.Close(absl::ZeroDuration()));
}

TEST(VisitsTest, NobodyIsLetInOnceClosed) {
  Visits visits;
  EXPECT_TRUE(visits.Close(absl::ZeroDuration()));
  EXPECT_FALSE(visits.Begin().has_value());
}

TEST(VisitsTest, MovedVisitCountsOnce) {
  Visits visits;
  {
    std::optional<Visits::Visit> moved;
    {
      std::optional<Visits::Visit> visit = visits.Begin();
      moved.emplace(*std::move(visit));
    }
    EXPECT_FALSE(visits.Close(absl::ZeroDuration()));
  }
  EXPECT_TRUE(visits.Close(absl::ZeroDuration()));
}

TEST(VisitsTest, CloseWaitsForTheLast) {
  Visits visits;
  std::optional<Visits::Visit> visit = visits.Begin();
  std::thread closer([&] { EXPECT_TRUE(visits.Close(absl::InfiniteDuration())); });
  visit.reset();
  closer.join();
}

}  // namespace
}  // namespace nodevol

// SPDX-License-Identifier: Apache-2.0
#include "base/callback.h"

#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "test/support/matchers.h"

namespace nodevol {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(GuardedTest, PassesResultsThrough) {
  EXPECT_OK(Guarded([] { return absl::OkStatus(); }));
  EXPECT_THAT(Guarded([] { return absl::AbortedError("later"); }),
              StatusIs(absl::StatusCode::kAborted, "later"));
  EXPECT_THAT(Guarded([] { return absl::StatusOr<int>(3); }), IsOkAndHolds(3));
  const auto moved =
      Guarded([]() -> absl::StatusOr<std::unique_ptr<int>> { return std::make_unique<int>(4); });
  ASSERT_OK(moved);
  EXPECT_EQ(**moved, 4);
}

TEST(GuardedTest, ExceptionIsInternalAndOnlyTheLogTellsMore) {
  ::testing::internal::CaptureStderr();
  const absl::Status status =
      Guarded([]() -> absl::Status { throw std::runtime_error("secret detail"); });
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInternal, MatchesRegex(".* log_id=[0-9a-f]{16}")));
  const std::string message(status.message());
  EXPECT_THAT(message, Not(HasSubstr("secret")));
  EXPECT_THAT(log, HasSubstr("secret detail"));
  EXPECT_THAT(log, HasSubstr(message.substr(message.find("log_id="))));
}

TEST(GuardedTest, EveryExceptionHasItsOwnLogId) {
  const auto fail = []() -> absl::Status { throw std::bad_alloc(); };
  EXPECT_NE(Guarded(fail).message(), Guarded(fail).message());
}

TEST(GuardedTest, WhatIsNoStdExceptionIsCaughtToo) {
  EXPECT_THAT(Guarded([]() -> absl::StatusOr<int> { throw 42; }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("log_id=")));
}

}  // namespace
}  // namespace nodevol

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_MATCHERS_H_
#define NODEVOL_TEST_SUPPORT_MATCHERS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/errno_status.h"

namespace nodevol::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

// EXPECT_THAT(f(), IsOk());
MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}

// EXPECT_THAT(f(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("vol-1")));
MATCHER_P(StatusIs, code, "") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code;
}
MATCHER_P2(StatusIs, code, message_matcher, "") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message_matcher, std::string(StatusOf(arg).message()),
                                       result_listener);
}

// The status carries this errno (base/errno_status.h).
MATCHER_P(ErrnoIs, error, "") {
  *result_listener << StatusOf(arg);
  return ErrnoOf(StatusOf(arg)) == error;
}

// EXPECT_THAT(f(), IsOkAndHolds(Eq(3)));
MATCHER_P(IsOkAndHolds, value_matcher, "") {
  *result_listener << StatusOf(arg);
  return arg.ok() && ::testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

#define ASSERT_OK(expr) ASSERT_THAT((expr), ::nodevol::testing::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT((expr), ::nodevol::testing::IsOk())

// Declares lhs from a StatusOr, or fails the test.
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  NODEVOL_TEST_ASSIGN_INNER(NODEVOL_TEST_CONCAT(status_or_, __LINE__), lhs, expr)
#define NODEVOL_TEST_CONCAT_INNER(a, b) a##b
#define NODEVOL_TEST_CONCAT(a, b) NODEVOL_TEST_CONCAT_INNER(a, b)
#define NODEVOL_TEST_ASSIGN_INNER(holder, lhs, expr) \
  auto holder = (expr);                              \
  ASSERT_THAT(holder, ::nodevol::testing::IsOk());   \
  lhs = *std::move(holder)

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_MATCHERS_H_

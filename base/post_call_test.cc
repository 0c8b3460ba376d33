// SPDX-License-Identifier: Apache-2.0
#include "base/post_call.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace nodevol {
namespace {

constexpr absl::Duration kForever = absl::InfiniteDuration();

TEST(PostCallTest, WhatTheWorkHoldsIsGivenUpBeforeTheAnswer) {
  Executor executor({.name = "post_call", .threads = 1});
  auto lock = std::make_shared<int>(7);
  const std::weak_ptr<int> held = lock;
  absl::Notification answered;
  PostCall<int>(
      executor, [lock = std::move(lock)]() -> absl::StatusOr<int> { return *lock; },
      [&](const absl::StatusOr<int>& answer) {
        EXPECT_TRUE(held.expired());
        ASSERT_TRUE(answer.ok()) << answer.status();
        EXPECT_EQ(*answer, 7);
        answered.Notify();
      });
  answered.WaitForNotification();
}

TEST(PostCallTest, WhatIsNotTakenIsAnsweredUnavailableAndHoldsNothing) {
  Executor executor({.name = "post_call", .threads = 1});
  ASSERT_TRUE(executor.Close(kForever));
  auto lock = std::make_shared<int>(7);
  const std::weak_ptr<int> held = lock;
  absl::StatusOr<int> answer = 0;
  PostCall<int>(
      executor, [lock = std::move(lock)]() -> absl::StatusOr<int> { return *lock; },
      [&](const absl::StatusOr<int>& refused) {
        EXPECT_TRUE(held.expired());
        answer = refused;
      });
  EXPECT_TRUE(absl::IsUnavailable(answer.status())) << answer.status();
}

TEST(PostCallTest, WorkThatThrowsIsAnsweredInternal) {
  Executor executor({.name = "post_call", .threads = 1});
  absl::Status status;
  PostCall<Nothing>(
      executor, []() -> absl::StatusOr<Nothing> { throw std::runtime_error("planted"); },
      AnsweringStatus([&status](absl::Status answer) { status = std::move(answer); }));
  ASSERT_TRUE(executor.Close(kForever));
  EXPECT_TRUE(absl::IsInternal(status)) << status;
}

}  // namespace
}  // namespace nodevol

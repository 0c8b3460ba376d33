// SPDX-License-Identifier: Apache-2.0
#include "base/keyed_mutex.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/support/matchers.h"

namespace nodevol {
namespace {

TEST(KeyedMutexTest, OneHolderAKey) {
  KeyedMutex mutex;
  const auto first = mutex.TryLock("vol-1");
  EXPECT_TRUE(first.has_value());
  EXPECT_FALSE(mutex.TryLock("vol-1").has_value());
}

TEST(KeyedMutexTest, OtherKeysAreFree) {
  KeyedMutex mutex;
  std::vector<KeyedMutex::Lock> held;
  // More keys than shards: keys that share one must not share the lock.
  for (int i = 0; i < 200; ++i) {
    auto lock = mutex.TryLock(absl::StrCat("vol-", i));
    ASSERT_TRUE(lock.has_value()) << i;
    held.push_back(std::move(lock).value());
  }
  EXPECT_TRUE(mutex.TryLock("").has_value());
}

TEST(KeyedMutexTest, ReleaseFreesNoOtherKey) {
  KeyedMutex mutex;
  std::vector<KeyedMutex::Lock> held;
  for (int i = 0; i < 50; ++i) held.push_back(mutex.TryLock(absl::StrCat("vol-", i)).value());
  {
    const auto released = mutex.TryLock("other");
  }
  for (int i = 0; i < 50; ++i)
    EXPECT_FALSE(mutex.TryLock(absl::StrCat("vol-", i)).has_value()) << i;
}

TEST(KeyedMutexTest, KeyIsFreeAfterItsLock) {
  KeyedMutex mutex;
  {
    const auto lock = mutex.TryLock("vol-1");
  }
  EXPECT_TRUE(mutex.TryLock("vol-1").has_value());
}

TEST(KeyedMutexTest, LockMovesWithItsKey) {
  KeyedMutex mutex;
  auto first = mutex.TryLock("vol-1");
  {
    const KeyedMutex::Lock moved = std::move(first).value();
    first.reset();  // NOLINT(bugprone-use-after-move): what was moved from holds nothing
    EXPECT_FALSE(mutex.TryLock("vol-1").has_value());
  }
  EXPECT_TRUE(mutex.TryLock("vol-1").has_value());
}

TEST(KeyedMutexTest, AssignedLockReleasesItsOwnKeyAtItsEnd) {
  KeyedMutex mutex;
  auto target = mutex.TryLock("a");
  {
    auto source = mutex.TryLock("b");
    target.value() = std::move(source).value();
  }
  EXPECT_TRUE(mutex.TryLock("a").has_value());
  EXPECT_FALSE(mutex.TryLock("b").has_value());
  target.reset();
  EXPECT_TRUE(mutex.TryLock("b").has_value());
}

TEST(KeyedMutexTest, AnotherThreadMayRelease) {
  KeyedMutex mutex;
  auto lock = mutex.TryLock("vol-1");
  std::thread([moved = std::move(lock)]() mutable { moved.reset(); }).join();
  EXPECT_TRUE(mutex.TryLock("vol-1").has_value());
}

TEST(KeyedMutexTest, ThreadsNeverHoldAKeyTogether) {
  KeyedMutex mutex;
  int unguarded = 0;  // a race here is for ThreadSanitizer, a lost count for everybody
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const auto lock = mutex.TryLock("vol-1");
        if (!lock.has_value()) continue;
        ++unguarded;
        ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unguarded, taken);
  EXPECT_GT(taken, 0);
}

}  // namespace
}  // namespace nodevol

// SPDX-License-Identifier: Apache-2.0
#include "base/executor.h"

#include <pthread.h>

#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

#include "test/support/matchers.h"

namespace nodevol {
namespace {

// Posts a task that occupies a thread until `release`; returns when it runs.
void Occupy(Executor& executor, absl::Notification& release) {
  auto running = std::make_shared<absl::Notification>();
  ASSERT_TRUE(executor.TryPost([running, &release] {
    running->Notify();
    release.WaitForNotification();
  }));
  running->WaitForNotification();
}

TEST(ExecutorTest, RunsWhatItAccepted) {
  std::atomic<int> ran = 0;
  Executor executor({.name = "test"});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(executor.TryPost([&ran] { ++ran; }));
  EXPECT_TRUE(executor.Close(absl::InfiniteDuration()));
  EXPECT_EQ(ran, 100);
}

TEST(ExecutorTest, FullQueueRefusesAndLeavesTheTaskUntouched) {
  absl::Notification release;
  int ran = 0;
  Executor executor({.name = "test", .threads = 1, .max_queued = 1});
  Occupy(executor, release);
  EXPECT_TRUE(executor.TryPost([] {}));
  Task refused = [&ran] { ++ran; };
  EXPECT_FALSE(executor.TryPost(std::move(refused)));
  // What stays with the caller is exactly what this test is about.
  std::move(refused)();  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(ran, 1);
  release.Notify();
}

TEST(ExecutorTest, TasksRunAtTheSameTimeUpToTheNumberOfThreads) {
  constexpr int kThreads = 3;
  absl::BlockingCounter arrived(kThreads);
  absl::Notification release;
  Executor executor({.name = "test", .threads = kThreads});
  for (int i = 0; i < kThreads; ++i) {
    ASSERT_TRUE(executor.TryPost([&] {
      arrived.DecrementCount();
      release.WaitForNotification();
    }));
  }
  arrived.Wait();
  release.Notify();
  EXPECT_TRUE(executor.Close(absl::InfiniteDuration()));
}

TEST(ExecutorTest, NeverHasMoreThreadsThanAllowed) {
  absl::Notification release;
  absl::Mutex mutex;
  std::set<std::thread::id> threads;
  Executor executor({.name = "test", .threads = 2});
  Occupy(executor, release);
  Occupy(executor, release);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(executor.TryPost([&] {
      absl::MutexLock lock(&mutex);
      threads.insert(std::this_thread::get_id());
    }));
  }
  release.Notify();
  EXPECT_TRUE(executor.Close(absl::InfiniteDuration()));
  EXPECT_LE(threads.size(), 2U);
}

TEST(ExecutorTest, ThreadOutlivesATaskThatThrows) {
  std::atomic<bool> ran = false;
  Executor executor({.name = "test", .threads = 1});
  ASSERT_TRUE(executor.TryPost([] { throw std::runtime_error("on purpose"); }));
  ASSERT_TRUE(executor.TryPost([] { throw 42; }));
  ASSERT_TRUE(executor.TryPost([&ran] { ran = true; }));
  EXPECT_TRUE(executor.Close(absl::InfiniteDuration()));
  EXPECT_TRUE(ran);
}

TEST(ExecutorTest, CloseSaysWhetherSomethingStillRuns) {
  absl::Notification release;
  Executor executor({.name = "test", .threads = 1});
  Occupy(executor, release);
  EXPECT_FALSE(executor.Close(absl::ZeroDuration()));
  EXPECT_FALSE(executor.TryPost([] {}));
  release.Notify();
  EXPECT_TRUE(executor.Close(absl::InfiniteDuration()));
}

TEST(ExecutorTest, DestructorFinishesWhatWasAccepted) {
  absl::Notification release;
  std::atomic<int> ran = 0;
  {
    Executor executor({.name = "test", .threads = 1});
    Occupy(executor, release);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(executor.TryPost([&ran] { ++ran; }));
    release.Notify();
  }
  EXPECT_EQ(ran, 10);
}

TEST(ExecutorTest, UnusedExecutorEnds) {
  Executor executor({.name = "test"});
  EXPECT_TRUE(executor.Close(absl::ZeroDuration()));
}

TEST(ExecutorTest, ThreadsCarryTheShortenedName) {
  std::string name;
  Executor executor({.name = "a-very-long-name", .threads = 1});
  ASSERT_TRUE(executor.TryPost([&name] {
    std::array<char, 16> buffer = {};
    pthread_getname_np(pthread_self(), buffer.data(), buffer.size());
    name = buffer.data();
  }));
  EXPECT_TRUE(executor.Close(absl::InfiniteDuration()));
  EXPECT_EQ(name, "a-very-long--0");
}

}  // namespace
}  // namespace nodevol

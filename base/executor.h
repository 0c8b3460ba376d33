// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_EXECUTOR_H_
#define NODEVOL_BASE_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace nodevol {

using Task = absl::AnyInvocable<void() &&>;

// A fixed number of threads with a bounded queue. A task that throws is logged and dropped; the
// thread lives on.
class Executor {
 public:
  struct Options {
    std::string name;  // shows in thread names; at most 12 characters are kept
    size_t threads = 4;
    size_t max_queued = 1024;
  };

  explicit Executor(Options options);
  // Finishes what was accepted, then joins.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Takes the task, or returns false (and leaves it untouched) when the queue is full or the
  // executor is closed.
  [[nodiscard]] bool TryPost(Task&& task) ABSL_LOCKS_EXCLUDED(mutex_);

  // Accepts nothing from now on and waits until all accepted tasks have run, at most `timeout`.
  // Returns false when some still run.
  bool Close(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run(size_t index);
  [[nodiscard]] bool HasWorkOrStopping() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] bool Idle() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Options options_;
  absl::Mutex mutex_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mutex_);
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // set in the constructor only
};

}  // namespace nodevol

#endif  // NODEVOL_BASE_EXECUTOR_H_

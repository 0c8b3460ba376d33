// SPDX-License-Identifier: Apache-2.0
#include "bench/load.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <latch>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "base/monotonic.h"
#include "bench/interruption.h"

namespace nodevol::bench {
namespace {

using Work = absl::FunctionRef<absl::Status(int worker, int index)>;

class Load {
 public:
  Load(int workers, int count, Work work)
      : count_(count), work_(work), start_(workers), latencies_(static_cast<size_t>(count)) {}

  void Run(int worker) {
    start_.arrive_and_wait();
    const absl::Duration begun = MonotonicNow();
    while (ok()) {
      const int index = next_++;
      if (index >= count_) break;
      const absl::Duration before = MonotonicNow();
      const absl::Status done = work_(worker, index);
      latencies_[static_cast<size_t>(index)] = MonotonicNow() - before;
      Note(done.ok() ? CheckNotInterrupted() : done);
    }
    NoteSpan(begun, MonotonicNow());
  }

  absl::StatusOr<Phase> Result() {
    absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    return Phase{std::move(latencies_), ended_ - begun_};
  }

 private:
  bool ok() {
    absl::MutexLock lock(&mutex_);
    return failure_.ok();
  }
  void Note(const absl::Status& status) {
    if (status.ok()) return;
    absl::MutexLock lock(&mutex_);
    failure_.Update(status);
  }
  void NoteSpan(absl::Duration begun, absl::Duration ended) {
    absl::MutexLock lock(&mutex_);
    begun_ = std::min(begun_, begun);
    ended_ = std::max(ended_, ended);
  }

  const int count_;
  const Work work_;
  std::latch start_;
  std::atomic<int> next_ = 0;
  std::vector<absl::Duration> latencies_;  // each index is one worker's
  absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Duration begun_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  absl::Duration ended_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
};

}  // namespace

absl::StatusOr<Phase> RunLoad(int workers, int count, Work work) {
  Load load(workers, count, work);
  std::vector<std::thread> threads;
  for (int worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&load, worker] { load.Run(worker); });
  }
  for (std::thread& thread : threads) thread.join();
  return load.Result();
}

Phase Chain(const Phase& first, const Phase& second) {
  Phase sum = first;
  sum.wall += second.wall;
  for (size_t i = 0; i < sum.latencies.size() && i < second.latencies.size(); ++i) {
    sum.latencies[i] += second.latencies[i];
  }
  return sum;
}

}  // namespace nodevol::bench

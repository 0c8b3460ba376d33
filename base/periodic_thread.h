// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_PERIODIC_THREAD_H_
#define NODEVOL_BASE_PERIODIC_THREAD_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace nodevol {

// A thread that runs a function at once, then again after each interval and each Kick(). Runs never
// overlap. The function must not throw.
class PeriodicThread {
 public:
  PeriodicThread(const std::string& name, absl::Duration interval, std::function<void()> run);
  // Waits for a run that is under way.
  ~PeriodicThread();
  PeriodicThread(const PeriodicThread&) = delete;
  PeriodicThread& operator=(const PeriodicThread&) = delete;

  // Begins no more runs and waits for one that is under way, at most `timeout`. Returns false when
  // it still goes on.
  bool Stop(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

  // Asks for a run as soon as the one under way, if any, has ended.
  void Kick() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop();
  [[nodiscard]] bool Wanted() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return kicked_ || stopping_;
  }

  const std::string name_;
  const absl::Duration interval_;
  const std::function<void()> run_;
  absl::Mutex mutex_;
  bool kicked_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace nodevol

#endif  // NODEVOL_BASE_PERIODIC_THREAD_H_

// SPDX-License-Identifier: Apache-2.0
#include "base/periodic_thread.h"

#include <pthread.h>

#include <utility>

namespace nodevol {

PeriodicThread::PeriodicThread(const std::string& name, absl::Duration interval,
                               std::function<void()> run)
    : name_(name.substr(0, 15)),  // what the kernel keeps of a thread's name
      interval_(interval),
      run_(std::move(run)),
      thread_([this] { Loop(); }) {}

PeriodicThread::~PeriodicThread() {
  Stop(absl::InfiniteDuration());
  thread_.join();
}

bool PeriodicThread::Stop(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  return mutex_.AwaitWithTimeout(absl::Condition(&ended_), timeout);
}

void PeriodicThread::Kick() {
  absl::MutexLock lock(&mutex_);
  kicked_ = true;
}

void PeriodicThread::Loop() {
  pthread_setname_np(pthread_self(), name_.c_str());
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &PeriodicThread::Wanted), interval_);
      if (stopping_) {
        ended_ = true;
        return;
      }
      kicked_ = false;
    }
    run_();
  }
}

}  // namespace nodevol

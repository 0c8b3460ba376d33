// SPDX-License-Identifier: Apache-2.0
#include "base/executor.h"

#include <pthread.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/log.h"

namespace nodevol {
namespace {

constexpr size_t kThreadNameStem = 12;  // the kernel keeps 15 characters; three are for the index

void RunGuarded(Task task) {
  try {
    std::move(task)();
  } catch (const std::exception& e) {
    log::Error("a task threw", {{"what", e.what()}});
  } catch (...) {
    log::Error("a task threw something that is no std::exception");
  }
}

}  // namespace

Executor::Executor(Options options) : options_(std::move(options)) {
  for (size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i] { Run(i); });
  }
}

Executor::~Executor() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

bool Executor::TryPost(Task&& task) {
  absl::MutexLock lock(&mutex_);
  if (closed_ || queue_.size() >= options_.max_queued) return false;
  queue_.push_back(std::move(task));
  return true;
}

bool Executor::Close(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  return mutex_.AwaitWithTimeout(absl::Condition(this, &Executor::Idle), timeout);
}

bool Executor::HasWorkOrStopping() const { return stopping_ || !queue_.empty(); }

bool Executor::Idle() const { return queue_.empty() && running_ == 0; }

void Executor::Run(size_t index) {
  const std::string name =
      absl::StrCat(absl::string_view(options_.name).substr(0, kThreadNameStem), "-", index);
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  absl::MutexLock lock(&mutex_);
  while (true) {
    mutex_.Await(absl::Condition(this, &Executor::HasWorkOrStopping));
    if (queue_.empty()) return;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    mutex_.Unlock();
    RunGuarded(std::move(task));
    mutex_.Lock();
    --running_;
  }
}

}  // namespace nodevol

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_VISITS_H_
#define NODEVOL_BASE_VISITS_H_

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace nodevol {

// Who is at work on something that may end only when nobody is. Thread-safe.
class Visits {
 public:
  // One who is, while the object lives; the Visits must outlive it.
  class Visit {
   public:
    Visit(Visit&& other) noexcept : host_(std::exchange(other.host_, nullptr)) {}
    Visit& operator=(Visit&&) = delete;
    ~Visit() {
      if (host_ != nullptr) host_->End();
    }

   private:
    friend class Visits;
    explicit Visit(Visits* host) : host_(host) {}
    Visits* host_;
  };

  Visits() = default;
  Visits(const Visits&) = delete;
  Visits& operator=(const Visits&) = delete;

  // nullopt once closed.
  [[nodiscard]] std::optional<Visit> Begin();
  // Lets nobody in from now on and waits until all have gone, at most `timeout`. Returns false when
  // some are still there.
  bool Close(absl::Duration timeout);

 private:
  void End();
  [[nodiscard]] bool Empty() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return visitors_ == 0; }

  absl::Mutex mutex_;
  int visitors_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace nodevol

#endif  // NODEVOL_BASE_VISITS_H_

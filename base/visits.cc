// SPDX-License-Identifier: Apache-2.0
#include "base/visits.h"

namespace nodevol {

std::optional<Visits::Visit> Visits::Begin() {
  absl::MutexLock lock(&mutex_);
  if (closed_) return std::nullopt;
  ++visitors_;
  return Visit(this);
}

bool Visits::Close(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  return mutex_.AwaitWithTimeout(absl::Condition(this, &Visits::Empty), timeout);
}

void Visits::End() {
  absl::MutexLock lock(&mutex_);
  --visitors_;
}

}  // namespace nodevol

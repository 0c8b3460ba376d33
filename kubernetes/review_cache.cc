// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/review_cache.h"

#include "absl/time/clock.h"

#include "base/monotonic.h"

namespace nodevol::kubernetes {
namespace {

// More than a controller has nodes; some MiB.
constexpr size_t kMaxKnown = 16384;

}  // namespace

std::optional<NodeIdentityOfToken> ReviewCache::Find(const std::string& hash) {
  absl::MutexLock lock(&mutex_);
  DropOld();
  const auto found = known_.find(hash);
  if (found == known_.end() || found->second.identity.expiry <= absl::Now()) return std::nullopt;
  return found->second.identity;
}

void ReviewCache::Keep(const std::string& hash, const NodeIdentityOfToken& identity) {
  absl::MutexLock lock(&mutex_);
  DropOld();
  // Two may have asked at once: the first answer's time counts.
  if (!known_.try_emplace(hash, Known{identity, MonotonicNow() + keep_for_}).second) return;
  by_age_.push_back(hash);
}

void ReviewCache::DropOld() {
  const absl::Duration now = MonotonicNow();
  while (!by_age_.empty()) {
    const auto oldest = known_.find(by_age_.front());
    if (oldest->second.until > now && known_.size() < kMaxKnown) return;
    known_.erase(oldest);
    by_age_.pop_front();
  }
}

}  // namespace nodevol::kubernetes

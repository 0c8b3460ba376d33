// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_REVIEW_CACHE_H_
#define NODEVOL_KUBERNETES_REVIEW_CACHE_H_

#include <deque>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace nodevol::kubernetes {

// Of which node a token says that its holder is there.
struct NodeIdentityOfToken {
  std::string node_name;
  std::string node_uid;
  std::string username;  // system:serviceaccount:NAMESPACE:NAME
  absl::Time expiry;     // of the token
};

// The tokens that were accepted a short while ago, by their hash. Thread-safe.
class ReviewCache {
 public:
  explicit ReviewCache(absl::Duration keep_for) : keep_for_(keep_for) {}

  // What was found out, unless that was too long ago or the token has ended since.
  std::optional<NodeIdentityOfToken> Find(const std::string& hash);
  void Keep(const std::string& hash, const NodeIdentityOfToken& identity);

 private:
  struct Known {
    NodeIdentityOfToken identity;
    absl::Duration until;  // on the monotonic clock
  };
  void DropOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const absl::Duration keep_for_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Known> known_ ABSL_GUARDED_BY(mutex_);
  // Their keys, the oldest first: all are kept for the same time.
  std::deque<std::string> by_age_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_REVIEW_CACHE_H_

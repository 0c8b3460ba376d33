// SPDX-License-Identifier: Apache-2.0
#include "storage/inode_counter.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/btrfs.h"

namespace nodevol::storage {
namespace {

constexpr int64_t kMaxItems = 20'000'000;
constexpr int kCostRatio = 100;
// Volumes that are gone leave their entry; they are dropped all at once, rarely.
constexpr size_t kMaxKnown = 10'000;

}  // namespace

absl::StatusOr<std::optional<int64_t>> InodeCounter::Count(int data) {
  ASSIGN_OR_RETURN(const host::SubvolumeId id, host::SubvolumeOf(data));
  ASSIGN_OR_RETURN(const uint64_t generation, host::SubvolumeGeneration(data));
  const absl::Duration start = MonotonicNow();
  {
    absl::MutexLock lock(&mutex_);
    const auto known = known_.find(id);
    if (known != known_.end() &&
        (known->second.generation == generation || start < known->second.next_count)) {
      return known->second.inodes;
    }
  }
  ASSIGN_OR_RETURN(const std::optional<int64_t> inodes, host::CountInodes(data, id, kMaxItems));
  const absl::Duration end = MonotonicNow();
  absl::MutexLock lock(&mutex_);
  if (known_.size() > kMaxKnown) known_.clear();
  known_[id] = {generation, inodes, end + kCostRatio * (end - start)};
  return inodes;
}

}  // namespace nodevol::storage

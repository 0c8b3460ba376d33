// SPDX-License-Identifier: Apache-2.0
#include "base/keyed_mutex.h"

#include "absl/hash/hash.h"

namespace nodevol {

KeyedMutex::Shard& KeyedMutex::ShardOf(absl::string_view key) {
  return shards_[absl::HashOf(key) % kShards];
}

std::optional<KeyedMutex::Lock> KeyedMutex::TryLock(absl::string_view key) {
  Shard& shard = ShardOf(key);
  absl::MutexLock lock(&shard.mutex);
  if (!shard.held.insert(std::string(key)).second) return std::nullopt;
  return Lock(this, std::string(key));
}

void KeyedMutex::Unlock(absl::string_view key) {
  Shard& shard = ShardOf(key);
  absl::MutexLock lock(&shard.mutex);
  shard.held.erase(key);
}

}  // namespace nodevol

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_KEYED_MUTEX_H_
#define NODEVOL_BASE_KEYED_MUTEX_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nodevol {

// Mutual exclusion by key: at most one holder a key, holders of different keys never wait for each
// other. There is only TryLock: CSI wants ABORTED for a second operation on the same volume, not a
// queue (spec, "Error Scheme", ABORTED). The lock may be released by another thread than took it.
class KeyedMutex {
 public:
  class Lock {
   public:
    Lock(Lock&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Lock& operator=(Lock&& other) noexcept {
      if (this != &other) {
        Release();
        owner_ = std::exchange(other.owner_, nullptr);
        key_ = std::move(other.key_);
      }
      return *this;
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() { Release(); }

   private:
    friend class KeyedMutex;
    Lock(KeyedMutex* owner, std::string key) : owner_(owner), key_(std::move(key)) {}
    void Release() {
      if (owner_ != nullptr) owner_->Unlock(key_);
    }

    KeyedMutex* owner_;
    std::string key_;
  };

  KeyedMutex() = default;
  KeyedMutex(const KeyedMutex&) = delete;
  KeyedMutex& operator=(const KeyedMutex&) = delete;

  // nullopt when somebody holds the key. The KeyedMutex must outlive the Lock.
  [[nodiscard]] std::optional<Lock> TryLock(absl::string_view key);

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    absl::Mutex mutex;
    absl::flat_hash_set<std::string> held ABSL_GUARDED_BY(mutex);
  };

  Shard& ShardOf(absl::string_view key);
  void Unlock(absl::string_view key);

  std::array<Shard, kShards> shards_;
};

}  // namespace nodevol

#endif  // NODEVOL_BASE_KEYED_MUTEX_H_

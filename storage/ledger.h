// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_LEDGER_H_
#define NODEVOL_STORAGE_LEDGER_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nodevol::storage {

// The space of one pool: what the filesystem has, what was promised to whom, and what of the
// promises is written already. Answers from memory. Thread-safe.
//
//   available = min(size x overcommit - promised, free - promised but unwritten)
//
// The first bound keeps promises honest, the second sees data that is not ours. What a snapshot
// pins is promised too: its source may be rewritten whole, and both must fit.
class Ledger {
 public:
  // Space promised to a key ("volumes/ID") by an operation that is under way; given back unless
  // kept.
  class Reservation {
   public:
    Reservation(Reservation&& other) noexcept;
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation();
    // Promises `bytes` instead, as Reserve() does. After an error the reservation is as it was.
    absl::Status Resize(int64_t bytes);
    // The object exists now: the promise stands until Release(key).
    void Keep();

   private:
    friend class Ledger;
    Reservation(Ledger* ledger, std::string key, int64_t before)
        : ledger_(ledger), key_(std::move(key)), before_(before) {}

    Ledger* ledger_;
    std::string key_;
    int64_t before_;  // what the key was promised before
  };

  explicit Ledger(double overcommit) : overcommit_(overcommit) {}

  // What the filesystem has for volumes, in bytes: without the pool's reserve and root's share.
  void SetFilesystem(int64_t total, int64_t free);

  // Promises `bytes` in all to the key. RESOURCE_EXHAUSTED, with the figures, when what this adds
  // does not fit.
  absl::StatusOr<Reservation> Reserve(absl::string_view key, int64_t bytes);
  // The same for what exists already and was promised long ago: never refused.
  void Restore(absl::string_view key, int64_t bytes);
  void Release(absl::string_view key);
  // How much of its promise the key has written. Unknown keys are ignored.
  void SetWritten(absl::string_view key, int64_t bytes);

  // Never negative.
  [[nodiscard]] int64_t Available() const;
  [[nodiscard]] int64_t Promised() const;
  [[nodiscard]] int64_t Total() const;

 private:
  struct Promise {
    int64_t bytes = 0;
    int64_t written = 0;
    [[nodiscard]] int64_t Unwritten() const { return bytes > written ? bytes - written : 0; }
  };

  [[nodiscard]] int64_t AvailableLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void Put(absl::string_view key, Promise promise) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetPromise(absl::string_view key, int64_t bytes);

  const double overcommit_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Promise> promises_ ABSL_GUARDED_BY(mutex_);
  int64_t total_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t free_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t promised_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t unwritten_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_LEDGER_H_

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
//   available = min(size x overcommit - promised, free x overcommit - promised but unwritten)
//
// The first bound keeps promises honest, the second sees data that is not ours. What a snapshot
// pins is promised too: its source may be rewritten whole, and both must fit.
//
// A deleted volume that can still be had back keeps its promise, but only until somebody needs the
// room: for new promises it counts as if it were gone. Whoever promised must then see to it that it
// goes (Shortfall).
class Ledger {
 public:
  // Space promised to a key ("volumes/ID") by an operation that is under way; given back unless
  // kept. One that promises less than before holds the whole until it is kept: others must not take
  // what the key would get back.
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
    Reservation(Ledger* ledger, std::string key, int64_t before, int64_t bytes)
        : ledger_(ledger), key_(std::move(key)), before_(before), bytes_(bytes) {}

    Ledger* ledger_;
    std::string key_;
    int64_t before_;  // what the key was promised before
    int64_t bytes_;   // and what it is when this is kept
  };

  explicit Ledger(double overcommit) : overcommit_(overcommit) {}

  // What the filesystem has for volumes, in bytes: without the pool's reserve and root's share.
  void SetFilesystem(int64_t total, int64_t free);

  // Promises `bytes` in all to the key. RESOURCE_EXHAUSTED, with the figures, when what this adds
  // does not fit.
  absl::StatusOr<Reservation> Reserve(absl::string_view key, int64_t bytes);
  // What Reserve() would say now; nothing is promised.
  [[nodiscard]] absl::Status CheckRoom(absl::string_view key, int64_t bytes) const;
  // The same for what exists already and was promised long ago: never refused.
  void Restore(absl::string_view key, int64_t bytes);
  // Makes the key's promise one that is given up for others, or takes that back.
  void SetExpendable(absl::string_view key, bool expendable);
  // Gives the promise of one key to another.
  void Move(absl::string_view from, absl::string_view to);
  void Release(absl::string_view key);
  // How much of its promise the key has written. Unknown keys are ignored.
  void SetWritten(absl::string_view key, int64_t bytes);

  // Never negative. With what expendable promises hold.
  [[nodiscard]] int64_t Available() const;
  // How much more than there is was promised, expendable promises included; `coming` are bytes that
  // are being freed. 0 when all can be kept.
  [[nodiscard]] int64_t Shortfall(int64_t coming = 0) const;
  [[nodiscard]] int64_t Promised() const;
  // The part of it that is expendable.
  [[nodiscard]] int64_t Expendable() const;
  [[nodiscard]] int64_t Total() const;
  // Without the reserve and root's share, whoever's data the rest is.
  [[nodiscard]] int64_t Free() const;
  // What of all promises, or of one (0 when it is unknown), is written.
  [[nodiscard]] int64_t Written() const;
  [[nodiscard]] int64_t Written(absl::string_view key) const;

 private:
  struct Promise {
    int64_t bytes = 0;
    int64_t written = 0;
    bool expendable = false;
    [[nodiscard]] int64_t Unwritten() const { return bytes > written ? bytes - written : 0; }
  };
  struct Sums {
    int64_t promised = 0;
    int64_t written = 0;
    int64_t unwritten = 0;
    void Add(const Promise& promise, int64_t sign);
  };

  // What is left when these promises are kept and this much is free; negative when they can't be.
  [[nodiscard]] int64_t Left(int64_t promised, int64_t unwritten, int64_t free) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] int64_t AvailableLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // `more` bytes than are promised already.
  [[nodiscard]] absl::Status CheckRoomLocked(int64_t more) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] Promise Get(absl::string_view key) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void Put(absl::string_view key, Promise promise) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Raises or lowers the key's promise if there is room for it.
  [[nodiscard]] absl::Status PutIfRoom(absl::string_view key, int64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetPromise(absl::string_view key, int64_t bytes);

  const double overcommit_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Promise> promises_ ABSL_GUARDED_BY(mutex_);
  int64_t total_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t free_ ABSL_GUARDED_BY(mutex_) = 0;
  Sums all_ ABSL_GUARDED_BY(mutex_);
  Sums expendable_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_LEDGER_H_

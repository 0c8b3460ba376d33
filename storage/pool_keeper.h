// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_POOL_KEEPER_H_
#define NODEVOL_STORAGE_POOL_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/periodic_thread.h"
#include "storage/engine.h"
#include "storage/health.h"

namespace nodevol::storage {

// One configured pool through all that happens to its disk. A pool that can't be opened at start,
// or whose disk has failed, is tried again every few seconds, until it is back; nobody has to
// restart the driver. Thread-safe.
class PoolKeeper {
 public:
  // `admit` may refuse a pool that was just opened, before anybody sees it; `opened` is told of it
  // when everybody does; `tend` is called every few seconds while it can be worked on.
  using Admit = std::function<absl::Status(Engine&)>;
  using Opened = std::function<void(Engine&)>;
  using TendOpen = std::function<void(Engine&)>;

  PoolKeeper(PoolOptions options, Admit admit, Opened opened, TendOpen tend)
      : options_(std::move(options)),
        admit_(std::move(admit)),
        opened_(std::move(opened)),
        tend_(std::move(tend)) {}
  PoolKeeper(const PoolKeeper&) = delete;
  PoolKeeper& operator=(const PoolKeeper&) = delete;

  // The first attempt to open the pool, on the caller's thread. An error is as Pool::Open says.
  absl::Status Open();
  // From now on it is looked after in the background.
  void Start();
  // Begins no more work and waits until what runs has ended, at most `timeout`. Returns false when
  // some still runs.
  bool Stop(absl::Duration timeout);

  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const std::string& path() const { return options_.path; }
  // The pool as it was last open; null when it has not been yet. While the disk is away it goes on
  // answering from memory.
  [[nodiscard]] std::shared_ptr<Engine> engine() const;
  // How often the pool has been opened.
  [[nodiscard]] int64_t openings() const { return openings_; }
  // OK while the pool can be worked on; UNAVAILABLE, with the reason. From memory.
  [[nodiscard]] absl::Status Availability() const;
  // What is wrong with the pool; nothing when all is well.
  [[nodiscard]] std::vector<HealthCondition> Health() const;

 private:
  void Tend();
  void TryOpen();
  // Whether the engine's descriptors are of no use any more.
  [[nodiscard]] bool MustBeOpenedAnew(Engine& engine);

  PoolOptions options_;  // the keeper's thread sets the UUID
  const Admit admit_;
  const Opened opened_;
  const TendOpen tend_;
  std::atomic<int64_t> openings_ = 0;
  // The keeper's thread's alone.
  enum class State { kOpen, kRetiring, kClosed };
  State state_ = State::kClosed;
  bool disk_failed_ = false;
  mutable absl::Mutex mutex_;
  std::shared_ptr<Engine> engine_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_attempt_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<PeriodicThread> thread_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_POOL_KEEPER_H_

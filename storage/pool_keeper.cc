// SPDX-License-Identifier: Apache-2.0
#include "storage/pool_keeper.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "storage/health.h"
#include "storage/pool_init.h"

namespace nodevol::storage {
namespace {

// True when the pool of this UUID is at the path.
bool IsPoolAt(const std::string& path, const std::string& uuid) {
  const absl::StatusOr<std::optional<v1::PoolMarker>> marker = ReadPoolMarker(path);
  return marker.ok() && marker->has_value() && (*marker)->pool_uuid() == uuid;
}

}  // namespace

absl::Status PoolKeeper::Open() {
  TryOpen();
  absl::MutexLock lock(&mutex_);
  return last_attempt_;
}

void PoolKeeper::Start() {
  thread_ = std::make_unique<PeriodicThread>(absl::StrCat("keeper-", name()),
                                             options_.check_interval, [this] { Tend(); });
}

bool PoolKeeper::Stop(absl::Duration timeout) {
  const absl::Duration deadline = MonotonicNow() + timeout;
  bool stopped = thread_ == nullptr || thread_->Stop(timeout);
  const std::shared_ptr<Engine> last = engine();
  if (last != nullptr) stopped &= last->Drain(deadline - MonotonicNow());
  return stopped;
}

std::shared_ptr<Engine> PoolKeeper::engine() const {
  absl::MutexLock lock(&mutex_);
  return engine_;
}

absl::Status PoolKeeper::Availability() const {
  absl::MutexLock lock(&mutex_);
  if (engine_ == nullptr) {
    return WithReason(
        absl::UnavailableError(absl::StrCat(last_attempt_.message(), "; it is tried again every ",
                                            absl::FormatDuration(options_.check_interval))),
        kPoolNotOpen);
  }
  const absl::Status availability = engine_->Availability();
  if (availability.ok() || last_attempt_.ok()) return availability;
  return Reword(availability, absl::StrCat(availability.message(),
                                           " (last attempt: ", last_attempt_.message(), ")"));
}

void PoolKeeper::Tend() {
  const std::shared_ptr<Engine> now = engine();
  if (state_ == State::kOpen && MustBeOpenedAnew(*now)) state_ = State::kRetiring;
  // What is under way ends first, however long its disk lets it wait.
  if (state_ == State::kRetiring && now->Retire()) state_ = State::kClosed;
  if (state_ == State::kClosed) TryOpen();
  if (state_ == State::kOpen && Availability().ok()) tend_(*engine());
}

bool PoolKeeper::MustBeOpenedAnew(Engine& engine) {
  if (!engine.pool().fault().ok()) {
    disk_failed_ = true;
    return true;
  }
  if (engine.Hangs() || engine.pool().Check().ok()) return false;
  // Something else is at the pool's path. Only when that is the pool, mounted anew, are the
  // descriptors of the old mount given up.
  if (!IsPoolAt(path(), engine.pool().uuid())) return false;
  engine.pool().GiveUp("its filesystem was mounted anew; it is being opened again");
  return true;
}

void PoolKeeper::TryOpen() {
  // A filesystem that failed and is still mounted shows what never reached its disk.
  const RecordTrust trust = disk_failed_ ? RecordTrust::kRewrite : RecordTrust::kDurable;
  absl::StatusOr<std::unique_ptr<Engine>> opened = Engine::Open(options_, trust);
  absl::Status usable = opened.status();
  if (usable.ok()) usable = admit_(**opened);
  std::shared_ptr<Engine> before;
  {
    absl::MutexLock lock(&mutex_);
    if (usable.message() != last_attempt_.message() && !usable.ok()) {
      log::Error("a pool can't be opened; it is tried again",
                 {{"pool", name()}, {"error", usable}});
    }
    last_attempt_ = usable;
    if (!usable.ok()) return;
    options_.uuid = (*opened)->pool().uuid();
    before = std::exchange(engine_, *std::move(opened));
  }
  opened_(*engine());
  ++openings_;
  state_ = State::kOpen;
  disk_failed_ = false;
}

std::vector<HealthCondition> PoolKeeper::Health() const {
  const absl::Status available = Availability();
  if (!available.ok()) return {ConditionOfPool(available)};
  Pool& pool = engine()->pool();
  if (const absl::Status right_disk = pool.Check(); !right_disk.ok()) {
    return {ConditionOfPool(right_disk)};
  }
  const int64_t shortfall = pool.ledger().Shortfall();
  if (shortfall == 0 && pool.reserve().Missing() == 0) return {};
  return {{.status = HealthStatus::kDegraded,
           .reason = kPoolFull,
           .message = absl::StrCat("pool \"", name(), "\" is full: ", HumanBytes(shortfall),
                                   " of what was promised to thin volumes and snapshots are not "
                                   "there; free space in its filesystem")}};
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/status_macros.h"

namespace nodevol::storage {

Ledger::Reservation::Reservation(Reservation&& other) noexcept
    : ledger_(std::exchange(other.ledger_, nullptr)),
      key_(std::move(other.key_)),
      before_(other.before_) {}

Ledger::Reservation::~Reservation() {
  if (ledger_ != nullptr) ledger_->SetPromise(key_, before_);
}

absl::Status Ledger::Reservation::Resize(int64_t bytes) {
  ASSIGN_OR_RETURN(Reservation resized, ledger_->Reserve(key_, bytes));
  resized.Keep();
  return absl::OkStatus();
}

void Ledger::Reservation::Keep() { ledger_ = nullptr; }

void Ledger::SetFilesystem(int64_t total, int64_t free) {
  absl::MutexLock lock(&mutex_);
  total_ = total;
  free_ = free;
}

absl::StatusOr<Ledger::Reservation> Ledger::Reserve(absl::string_view key, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const auto known = promises_.find(key);
  Promise promise = known == promises_.end() ? Promise{} : known->second;
  const int64_t before = promise.bytes;
  if (bytes - before > AvailableLocked()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(HumanBytes(bytes - before), " wanted, ", HumanBytes(AvailableLocked()),
                     " available (", HumanBytes(total_), " in all, ", HumanBytes(promised_),
                     " promised, ", HumanBytes(free_), " free)"));
  }
  promise.bytes = bytes;
  Put(key, promise);
  return Reservation(this, std::string(key), before);
}

void Ledger::Restore(absl::string_view key, int64_t bytes) { SetPromise(key, bytes); }

void Ledger::Release(absl::string_view key) { SetPromise(key, 0); }

void Ledger::SetPromise(absl::string_view key, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const auto known = promises_.find(key);
  Promise promise = known == promises_.end() ? Promise{} : known->second;
  promise.bytes = bytes;
  Put(key, promise);
}

void Ledger::SetWritten(absl::string_view key, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const auto known = promises_.find(key);
  if (known == promises_.end()) return;
  Put(key, {known->second.bytes, bytes});
}

void Ledger::Put(absl::string_view key, Promise promise) {
  const auto known = promises_.find(key);
  if (known != promises_.end()) {
    promised_ -= known->second.bytes;
    unwritten_ -= known->second.Unwritten();
  }
  promised_ += promise.bytes;
  unwritten_ += promise.Unwritten();
  if (promise.bytes == 0) {
    promises_.erase(key);
  } else {
    promises_.insert_or_assign(std::string(key), promise);
  }
}

int64_t Ledger::AvailableLocked() const {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const double stretched = static_cast<double>(total_) * overcommit_;
  const int64_t ceiling =
      stretched < static_cast<double>(kMost) ? static_cast<int64_t>(stretched) : kMost;
  return std::max<int64_t>(0, std::min(ceiling - promised_, free_ - unwritten_));
}

int64_t Ledger::Available() const {
  absl::MutexLock lock(&mutex_);
  return AvailableLocked();
}

int64_t Ledger::Promised() const {
  absl::MutexLock lock(&mutex_);
  return promised_;
}

int64_t Ledger::Total() const {
  absl::MutexLock lock(&mutex_);
  return total_;
}

}  // namespace nodevol::storage

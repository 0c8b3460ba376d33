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
      before_(other.before_),
      bytes_(other.bytes_) {}

Ledger::Reservation::~Reservation() {
  if (ledger_ != nullptr) ledger_->SetPromise(key_, before_);
}

absl::Status Ledger::Reservation::Resize(int64_t bytes) {
  absl::MutexLock lock(&ledger_->mutex_);
  RETURN_IF_ERROR(ledger_->PutIfRoom(key_, std::max(before_, bytes)));
  bytes_ = bytes;
  return absl::OkStatus();
}

void Ledger::Reservation::Keep() {
  if (bytes_ < before_) ledger_->SetPromise(key_, bytes_);
  ledger_ = nullptr;
}

void Ledger::SetFilesystem(int64_t total, int64_t free) {
  absl::MutexLock lock(&mutex_);
  total_ = total;
  free_ = free;
}

void Ledger::Sums::Add(const Promise& promise, int64_t sign) {
  promised += sign * promise.bytes;
  written += sign * promise.written;
  unwritten += sign * promise.Unwritten();
}

absl::StatusOr<Ledger::Reservation> Ledger::Reserve(absl::string_view key, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const int64_t before = Get(key).bytes;
  RETURN_IF_ERROR(PutIfRoom(key, std::max(before, bytes)));
  return Reservation(this, std::string(key), before, bytes);
}

absl::Status Ledger::PutIfRoom(absl::string_view key, int64_t bytes) {
  Promise promise = Get(key);
  RETURN_IF_ERROR(CheckRoomLocked(bytes - promise.bytes));
  promise.bytes = bytes;
  Put(key, promise);
  return absl::OkStatus();
}

absl::Status Ledger::CheckRoom(absl::string_view key, int64_t bytes) const {
  absl::MutexLock lock(&mutex_);
  return CheckRoomLocked(bytes - Get(key).bytes);
}

absl::Status Ledger::CheckRoomLocked(int64_t more) const {
  if (more <= AvailableLocked()) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      HumanBytes(more), " wanted, ", HumanBytes(AvailableLocked()), " available (",
      HumanBytes(total_), " in all, ", HumanBytes(all_.promised - expendable_.promised),
      " promised, ", HumanBytes(free_), " free)"));
}

void Ledger::Restore(absl::string_view key, int64_t bytes) { SetPromise(key, bytes); }

void Ledger::Release(absl::string_view key) { SetPromise(key, 0); }

void Ledger::SetPromise(absl::string_view key, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  Promise promise = Get(key);
  promise.bytes = bytes;
  Put(key, promise);
}

void Ledger::SetWritten(absl::string_view key, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  Promise promise = Get(key);
  if (promise.bytes == 0) return;
  promise.written = bytes;
  Put(key, promise);
}

void Ledger::SetExpendable(absl::string_view key, bool expendable) {
  absl::MutexLock lock(&mutex_);
  Promise promise = Get(key);
  promise.expendable = expendable;
  Put(key, promise);
}

void Ledger::Move(absl::string_view from, absl::string_view to) {
  absl::MutexLock lock(&mutex_);
  const Promise promise = Get(from);
  Put(from, {});
  Put(to, promise);
}

Ledger::Promise Ledger::Get(absl::string_view key) const {
  const auto known = promises_.find(key);
  return known == promises_.end() ? Promise{} : known->second;
}

void Ledger::Put(absl::string_view key, Promise promise) {
  const Promise before = Get(key);
  all_.Add(before, -1);
  if (before.expendable) expendable_.Add(before, -1);
  all_.Add(promise, 1);
  if (promise.expendable) expendable_.Add(promise, 1);
  if (promise.bytes == 0) {
    promises_.erase(key);
  } else {
    promises_.insert_or_assign(std::string(key), promise);
  }
}

int64_t Ledger::Left(int64_t promised, int64_t unwritten, int64_t free) const {
  const auto stretched = [this](int64_t bytes) {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
    const double product = static_cast<double>(bytes) * overcommit_;
    return product < static_cast<double>(kMost) ? static_cast<int64_t>(product) : kMost;
  };
  return std::min(stretched(total_) - promised, stretched(free) - unwritten);
}

int64_t Ledger::AvailableLocked() const {
  return std::max<int64_t>(
      0, Left(all_.promised - expendable_.promised, all_.unwritten - expendable_.unwritten,
              free_ + expendable_.written));
}

int64_t Ledger::Available() const {
  absl::MutexLock lock(&mutex_);
  return AvailableLocked();
}

int64_t Ledger::Shortfall(int64_t coming) const {
  absl::MutexLock lock(&mutex_);
  return std::max<int64_t>(0, -Left(all_.promised, all_.unwritten, free_ + coming));
}

int64_t Ledger::Promised() const {
  absl::MutexLock lock(&mutex_);
  return all_.promised;
}

int64_t Ledger::Expendable() const {
  absl::MutexLock lock(&mutex_);
  return expendable_.promised;
}

int64_t Ledger::Total() const {
  absl::MutexLock lock(&mutex_);
  return total_;
}

int64_t Ledger::Free() const {
  absl::MutexLock lock(&mutex_);
  return free_;
}

int64_t Ledger::Written() const {
  absl::MutexLock lock(&mutex_);
  return all_.written;
}

int64_t Ledger::Written(absl::string_view key) const {
  absl::MutexLock lock(&mutex_);
  return Get(key).written;
}

}  // namespace nodevol::storage

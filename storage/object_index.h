// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_OBJECT_INDEX_H_
#define NODEVOL_STORAGE_OBJECT_INDEX_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nodevol::storage {

// The records of one pool in memory, ordered by id: filled once at start, then kept by the
// operations. The disk is the truth; this saves reading it. Thread-safe.
template <typename Record>
class ObjectIndex {
 public:
  using Pointer = std::shared_ptr<const Record>;

  void Put(Pointer record) {
    absl::MutexLock lock(&mutex_);
    damaged_.erase(record->id());
    undecided_.erase(record->id());
    records_[record->id()] = std::move(record);
  }

  void Erase(absl::string_view id) {
    absl::MutexLock lock(&mutex_);
    records_.erase(std::string(id));
    undecided_.erase(std::string(id));
  }

  // Remembers an object whose record can't be read: it exists, and nothing may be done to it.
  void PutDamaged(absl::string_view id, const absl::Status& why) {
    absl::MutexLock lock(&mutex_);
    damaged_[std::string(id)] = why;
  }

  // Remembers an object of which it is not known yet whether it exists, and why not; it is not
  // listed until Put().
  void PutUndecided(absl::string_view id, absl::string_view why) {
    absl::MutexLock lock(&mutex_);
    records_.erase(std::string(id));
    undecided_[std::string(id)] = std::string(why);
  }

  // NOT_FOUND when there is none; INTERNAL, with the reason, when its record is damaged;
  // UNAVAILABLE, with the reason, while it is undecided.
  absl::StatusOr<Pointer> Find(absl::string_view id) const {
    absl::ReaderMutexLock lock(&mutex_);
    const std::string key(id);
    if (const auto found = records_.find(key); found != records_.end()) return found->second;
    if (const auto found = damaged_.find(key); found != damaged_.end()) {
      return absl::InternalError(absl::StrCat(key, " exists, but can't be used: ",
                                              found->second.message(), " (its data is untouched)"));
    }
    if (const auto found = undecided_.find(key); found != undecided_.end()) {
      return absl::UnavailableError(
          absl::StrCat("whether ", key, " exists is not known: ", found->second));
    }
    return absl::NotFoundError(absl::StrCat(key, " does not exist"));
  }

  // Up to `limit` records with ids after `after`, in order.
  std::vector<Pointer> After(absl::string_view after, size_t limit) const {
    std::vector<Pointer> page;
    absl::ReaderMutexLock lock(&mutex_);
    for (auto next = records_.upper_bound(std::string(after));
         next != records_.end() && page.size() < limit; ++next) {
      page.push_back(next->second);
    }
    return page;
  }

  // Why the object can't be used; OK for one that can, and for one that does not exist.
  [[nodiscard]] absl::Status DamageOf(absl::string_view id) const {
    absl::ReaderMutexLock lock(&mutex_);
    const auto found = damaged_.find(std::string(id));
    return found == damaged_.end() ? absl::OkStatus() : found->second;
  }
  // Those that can't be used, with the reason, in order.
  [[nodiscard]] std::vector<std::pair<std::string, absl::Status>> Damaged() const {
    absl::ReaderMutexLock lock(&mutex_);
    return {damaged_.begin(), damaged_.end()};
  }

  [[nodiscard]] size_t size() const {
    absl::ReaderMutexLock lock(&mutex_);
    return records_.size();
  }
  [[nodiscard]] size_t damaged() const {
    absl::ReaderMutexLock lock(&mutex_);
    return damaged_.size();
  }
  [[nodiscard]] size_t undecided() const {
    absl::ReaderMutexLock lock(&mutex_);
    return undecided_.size();
  }

 private:
  mutable absl::Mutex mutex_;
  absl::btree_map<std::string, Pointer> records_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, absl::Status> damaged_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, std::string> undecided_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_OBJECT_INDEX_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_OBJECT_INDEX_H_
#define NODEVOL_STORAGE_OBJECT_INDEX_H_

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "storage/change_feed.h"

namespace nodevol::storage {

// How records are kept in memory.
enum class Keep {
  kWhole,
  kPacked,  // as their bytes, a tenth of it: for copies of what thousands of nodes have
};

// The records of one pool in memory, ordered by id: filled once at start, then kept by the
// operations. The disk is the truth; this saves reading it. Thread-safe.
template <typename Record>
class ObjectIndex {
 public:
  using Pointer = std::shared_ptr<const Record>;

  explicit ObjectIndex(Keep keep = Keep::kWhole) : keep_(keep) {}

  // Tells the feed, which must outlive this, of each change from now on.
  void ReportTo(ChangeFeed& feed, ObjectKind kind) {
    absl::MutexLock lock(&mutex_);
    feed_ = &feed;
    kind_ = kind;
  }

  // Replaces whatever was remembered of the object; so do the next three.
  void Put(Pointer record) {
    const std::string id = record->id();
    Kept kept =
        keep_ == Keep::kPacked ? Kept(record->SerializeAsString()) : Kept(std::move(record));
    {
      absl::MutexLock lock(&mutex_);
      Forget(id);
      records_[id] = std::move(kept);
    }
    Tell(id);
  }

  void Erase(absl::string_view id) {
    {
      absl::MutexLock lock(&mutex_);
      Forget(std::string(id));
    }
    Tell(id);
  }

  // Remembers an object whose record can't be read: it exists, and nothing may be done to it.
  void PutDamaged(absl::string_view id, const absl::Status& why) {
    {
      absl::MutexLock lock(&mutex_);
      Forget(std::string(id));
      damaged_[std::string(id)] = why;
    }
    Tell(id);
  }

  // Remembers an object of which it is not known yet whether it exists, and why not; it is not
  // listed until Put().
  void PutUndecided(absl::string_view id, absl::string_view why) {
    {
      absl::MutexLock lock(&mutex_);
      Forget(std::string(id));
      undecided_[std::string(id)] = std::string(why);
    }
    Tell(id);
  }

  // Tells the feed, if there is one, that something of the object has changed that is not kept
  // here. After the change can be seen, and without the lock: a listener may take its own.
  void Tell(absl::string_view id) const {
    ChangeFeed* feed = nullptr;
    ObjectKind kind = {};
    {
      absl::ReaderMutexLock lock(&mutex_);
      feed = feed_;
      kind = kind_;
    }
    if (feed != nullptr) feed->TellObject(kind, id);
  }

  // NOT_FOUND when there is none; INTERNAL, with the reason, when its record is damaged;
  // UNAVAILABLE, with the reason, while it is undecided.
  absl::StatusOr<Pointer> Find(absl::string_view id) const {
    absl::ReaderMutexLock lock(&mutex_);
    const std::string key(id);
    if (const auto found = records_.find(key); found != records_.end()) {
      return Unpacked(found->second);
    }
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
      page.push_back(Unpacked(next->second));
    }
    return page;
  }

  // Up to `limit` ids after `after`, in order, of all that is remembered.
  std::vector<std::string> IdsAfter(absl::string_view after, size_t limit) const {
    std::set<std::string> ids;
    absl::ReaderMutexLock lock(&mutex_);
    const auto collect = [&](const auto& objects) {
      size_t taken = 0;
      for (auto next = objects.upper_bound(std::string(after));
           next != objects.end() && taken < limit; ++next, ++taken) {
        ids.insert(next->first);
      }
    };
    collect(records_);
    collect(damaged_);
    collect(undecided_);
    std::vector<std::string> page(ids.begin(), ids.end());
    if (page.size() > limit) page.resize(limit);
    return page;
  }

  // Why the object can't be used; OK for one that can, and for one that does not exist.
  [[nodiscard]] absl::Status DamageOf(absl::string_view id) const {
    absl::ReaderMutexLock lock(&mutex_);
    const auto found = damaged_.find(std::string(id));
    return found == damaged_.end() ? absl::OkStatus() : found->second;
  }
  // Why it is not known whether the object exists; "" when that is known.
  [[nodiscard]] std::string DoubtOf(absl::string_view id) const {
    absl::ReaderMutexLock lock(&mutex_);
    const auto found = undecided_.find(std::string(id));
    return found == undecided_.end() ? std::string() : found->second;
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
  using Kept = std::variant<Pointer, std::string>;

  static Pointer Unpacked(const Kept& kept) {
    if (const auto* const whole = std::get_if<Pointer>(&kept)) return *whole;
    auto record = std::make_shared<Record>();
    record->ParseFromString(std::get<std::string>(kept));  // which a record has written
    return record;
  }
  void Forget(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    records_.erase(id);
    damaged_.erase(id);
    undecided_.erase(id);
  }

  const Keep keep_;
  mutable absl::Mutex mutex_;
  ChangeFeed* feed_ ABSL_GUARDED_BY(mutex_) = nullptr;
  ObjectKind kind_ ABSL_GUARDED_BY(mutex_) = {};
  absl::btree_map<std::string, Kept> records_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, absl::Status> damaged_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, std::string> undecided_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_OBJECT_INDEX_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_GROUP_MEMBERS_H_
#define NODEVOL_STORAGE_GROUP_MEMBERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "storage/node_storage.h"

namespace nodevol::storage {

// The snapshots of one pool that are members of groups, whether it is known already that they exist
// or not. Thread-safe.
class GroupMembers {
 public:
  void Put(SnapshotPtr member) {
    absl::MutexLock lock(&mutex_);
    settled_at_ = kNever;
    const std::string id = member->id();
    members_[id] = std::move(member);
  }
  void Erase(absl::string_view id) {
    absl::MutexLock lock(&mutex_);
    members_.erase(std::string(id));
  }
  // Null when there is none.
  [[nodiscard]] SnapshotPtr Find(absl::string_view id) const {
    absl::ReaderMutexLock lock(&mutex_);
    const auto found = members_.find(std::string(id));
    return found == members_.end() ? nullptr : found->second;
  }
  [[nodiscard]] std::vector<SnapshotPtr> All() const {
    std::vector<SnapshotPtr> all;
    absl::ReaderMutexLock lock(&mutex_);
    for (const auto& [id, member] : members_) all.push_back(member);
    return all;
  }

  // Nothing has to be decided of any member while the node's pools are those of `openings`.
  void SetSettled(int64_t openings) {
    absl::MutexLock lock(&mutex_);
    settled_at_ = openings;
  }
  [[nodiscard]] bool IsSettled(int64_t openings) const {
    absl::ReaderMutexLock lock(&mutex_);
    return settled_at_ == openings;
  }

 private:
  static constexpr int64_t kNever = -1;

  mutable absl::Mutex mutex_;
  absl::btree_map<std::string, SnapshotPtr> members_ ABSL_GUARDED_BY(mutex_);
  int64_t settled_at_ ABSL_GUARDED_BY(mutex_) = kNever;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_GROUP_MEMBERS_H_

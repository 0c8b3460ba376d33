// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_CHANGE_FEED_H_
#define NODEVOL_STORAGE_CHANGE_FEED_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nodevol::storage {

enum class ObjectKind { kVolume, kSnapshot, kGroup };

// Who keeps a copy of what a storage holds, and must know which part of it to look at again. What
// has changed is not said: the storage is asked, so that whoever is slow sees the last state only.
class ChangeListener {
 public:
  virtual ~ChangeListener() = default;

  // Both are called on the thread that made the change, without locks, before that is answered to
  // anybody; they must not block.
  virtual void OnObject(ObjectKind kind, absl::string_view id) = 0;
  // The pool was opened anew: all of its objects may be others.
  virtual void OnPool(absl::string_view pool_uuid) = 0;
};

// Tells listeners of changes, as long as they live. Thread-safe.
class ChangeFeed {
 public:
  void Subscribe(const std::shared_ptr<ChangeListener>& listener);

  void TellObject(ObjectKind kind, absl::string_view id);
  void TellPool(absl::string_view pool_uuid);

 private:
  // Those that live; the others are forgotten.
  std::vector<std::shared_ptr<ChangeListener>> Listeners();

  absl::Mutex mutex_;
  std::vector<std::weak_ptr<ChangeListener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_CHANGE_FEED_H_

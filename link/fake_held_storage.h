// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_FAKE_HELD_STORAGE_H_
#define NODEVOL_LINK_FAKE_HELD_STORAGE_H_

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

#include "test/support/memory_storage.h"

namespace nodevol::link {

// For tests: disks that answer creates when the test lets them.
class FakeHeldStorage : public nodevol::testing::MemoryStorage {
 public:
  using MemoryStorage::MemoryStorage;

  void Hold() {
    absl::MutexLock lock(&held_mutex_);
    holding_ = true;
  }
  // Does what is held, and all that comes at once.
  void LetGo() {
    for (Held& create : TakeHeld()) {
      if (create.context.abandoned()) Count();
      MemoryStorage::CreateVolume(create.context, create.request, std::move(create.done));
    }
  }
  // The same of operations that have looked for the last time whether anybody waits for them.
  void LetGoRegardless() {
    for (Held& create : TakeHeld()) {
      MemoryStorage::CreateVolume({}, create.request, std::move(create.done));
    }
  }
  size_t held() const {
    absl::MutexLock lock(&held_mutex_);
    return held_.size();
  }
  // Nobody waits for any of what is held.
  bool HeldIsAbandoned() const {
    absl::MutexLock lock(&held_mutex_);
    return std::all_of(held_.begin(), held_.end(),
                       [](const Held& create) { return create.context.abandoned(); });
  }
  // How many nobody waited for when they were let go.
  size_t abandoned() const {
    absl::MutexLock lock(&held_mutex_);
    return abandoned_;
  }

  void CreateVolume(const storage::OperationContext& context,
                    const nodevol::v1::VolumeRequest& request,
                    Callback<storage::VolumePtr> done) override {
    {
      absl::MutexLock lock(&held_mutex_);
      if (holding_) {
        held_.push_back({context, request, std::move(done)});
        return;
      }
    }
    MemoryStorage::CreateVolume(context, request, std::move(done));
  }

 private:
  struct Held {
    storage::OperationContext context;
    nodevol::v1::VolumeRequest request;
    Callback<storage::VolumePtr> done;
  };

  std::vector<Held> TakeHeld() {
    std::vector<Held> held;
    absl::MutexLock lock(&held_mutex_);
    holding_ = false;
    held.swap(held_);
    return held;
  }
  void Count() {
    absl::MutexLock lock(&held_mutex_);
    ++abandoned_;
  }

  mutable absl::Mutex held_mutex_;
  bool holding_ ABSL_GUARDED_BY(held_mutex_) = false;
  std::vector<Held> held_ ABSL_GUARDED_BY(held_mutex_);
  size_t abandoned_ ABSL_GUARDED_BY(held_mutex_) = 0;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_FAKE_HELD_STORAGE_H_

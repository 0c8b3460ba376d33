// SPDX-License-Identifier: Apache-2.0
#include "storage/change_feed.h"

#include <algorithm>

namespace nodevol::storage {

void ChangeFeed::Subscribe(const std::shared_ptr<ChangeListener>& listener) {
  absl::MutexLock lock(&mutex_);
  listeners_.push_back(listener);
}

std::vector<std::shared_ptr<ChangeListener>> ChangeFeed::Listeners() {
  std::vector<std::shared_ptr<ChangeListener>> alive;
  absl::MutexLock lock(&mutex_);
  for (const std::weak_ptr<ChangeListener>& listener : listeners_) {
    if (std::shared_ptr<ChangeListener> found = listener.lock(); found != nullptr) {
      alive.push_back(std::move(found));
    }
  }
  if (alive.size() < listeners_.size()) {
    listeners_.erase(std::remove_if(listeners_.begin(), listeners_.end(),
                                    [](const auto& listener) { return listener.expired(); }),
                     listeners_.end());
  }
  return alive;
}

void ChangeFeed::TellObject(ObjectKind kind, absl::string_view id) {
  for (const std::shared_ptr<ChangeListener>& listener : Listeners()) listener->OnObject(kind, id);
}

void ChangeFeed::TellPool(absl::string_view pool_uuid) {
  for (const std::shared_ptr<ChangeListener>& listener : Listeners()) listener->OnPool(pool_uuid);
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/kept_volumes.h"

#include <utility>

namespace nodevol::storage {

void KeptVolumes::Put(KeptVolume volume) {
  absl::MutexLock lock(&mutex_);
  Key key = {volume.name.kept->deleted, volume.name.Text()};
  volumes_.insert_or_assign(std::move(key), std::move(volume));
}

std::optional<KeptVolume> KeptVolumes::TakeOldest() {
  absl::MutexLock lock(&mutex_);
  if (volumes_.empty()) return std::nullopt;
  KeptVolume oldest = std::move(volumes_.begin()->second);
  volumes_.erase(volumes_.begin());
  return oldest;
}

std::vector<KeptVolume> KeptVolumes::TakeExpired(absl::Time now) {
  std::vector<KeptVolume> expired;
  absl::MutexLock lock(&mutex_);
  for (auto next = volumes_.begin(); next != volumes_.end();) {
    if (next->second.name.kept->until > now) {
      ++next;
      continue;
    }
    expired.push_back(std::move(next->second));
    next = volumes_.erase(next);
  }
  return expired;
}

std::optional<KeptVolume> KeptVolumes::Take(absl::string_view volume_id) {
  absl::MutexLock lock(&mutex_);
  for (auto next = volumes_.end(); next != volumes_.begin();) {
    --next;
    if (next->second.name.id != volume_id) continue;
    KeptVolume found = std::move(next->second);
    volumes_.erase(next);
    return found;
  }
  return std::nullopt;
}

std::vector<KeptVolume> KeptVolumes::All() const {
  std::vector<KeptVolume> all;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [key, volume] : volumes_) all.push_back(volume);
  return all;
}

size_t KeptVolumes::size() const {
  absl::ReaderMutexLock lock(&mutex_);
  return volumes_.size();
}

}  // namespace nodevol::storage

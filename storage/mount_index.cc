// SPDX-License-Identifier: Apache-2.0
#include "storage/mount_index.h"

#include <utility>

namespace nodevol::storage {

void MountIndex::Add(absl::string_view volume_id, VolumeMount mount) {
  absl::MutexLock lock(&mutex_);
  std::vector<VolumeMount>& mounts = mounts_[std::string(volume_id)];
  std::erase_if(mounts, [&mount](const VolumeMount& old) { return old.path == mount.path; });
  mounts.push_back(std::move(mount));
}

void MountIndex::Remove(absl::string_view volume_id, absl::string_view path) {
  absl::MutexLock lock(&mutex_);
  const auto found = mounts_.find(volume_id);
  if (found == mounts_.end()) return;
  std::erase_if(found->second, [path](const VolumeMount& old) { return old.path == path; });
  if (found->second.empty()) mounts_.erase(found);
}

std::vector<std::string> MountIndex::VolumeIds() const {
  std::vector<std::string> ids;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [id, mounts] : mounts_) ids.push_back(id);
  return ids;
}

std::vector<VolumeMount> MountIndex::Find(absl::string_view volume_id) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = mounts_.find(volume_id);
  return found == mounts_.end() ? std::vector<VolumeMount>() : found->second;
}

}  // namespace nodevol::storage

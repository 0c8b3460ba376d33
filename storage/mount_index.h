// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_MOUNT_INDEX_H_
#define NODEVOL_STORAGE_MOUNT_INDEX_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "proto/storage.pb.h"

namespace nodevol::storage {

// A place where a volume is staged or published.
struct VolumeMount {
  std::string path;
  // What was asked for when it was mounted; unknown for mounts that an earlier process made.
  std::optional<v1::VolumeCapability> capability;
};

// Which volumes are mounted where, so that no call has to read the mount table, whose size grows
// with the volumes. The kernel is the truth: the index is filled from the mount table at start, and
// an entry is only believed after a look at its path. Thread-safe.
class MountIndex {
 public:
  void Add(absl::string_view volume_id, VolumeMount mount);
  void Remove(absl::string_view volume_id, absl::string_view path);
  // Those that have an entry.
  [[nodiscard]] std::vector<std::string> VolumeIds() const;
  [[nodiscard]] std::vector<VolumeMount> Find(absl::string_view volume_id) const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::vector<VolumeMount>> mounts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_MOUNT_INDEX_H_

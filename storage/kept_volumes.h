// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_KEPT_VOLUMES_H_
#define NODEVOL_STORAGE_KEPT_VOLUMES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "storage/node_storage.h"
#include "storage/trash.h"

namespace nodevol::storage {

// A deleted volume that can still be had back.
struct KeptVolume {
  TrashName name;  // with the times
  VolumePtr record;
};

// Those of one pool, in memory. The names in the trash are the truth. Thread-safe.
class KeptVolumes {
 public:
  void Put(KeptVolume volume);
  // Takes out the one that was deleted first; nullopt when there is none.
  std::optional<KeptVolume> TakeOldest();
  // Takes out all whose time has come.
  std::vector<KeptVolume> TakeExpired(absl::Time now);
  // Takes out the one of this volume id that was deleted last.
  std::optional<KeptVolume> Take(absl::string_view volume_id);
  // In the order of their deletion.
  [[nodiscard]] std::vector<KeptVolume> All() const;
  [[nodiscard]] size_t size() const;

 private:
  using Key = std::pair<absl::Time, std::string>;  // when it was deleted, its name in the trash

  mutable absl::Mutex mutex_;
  absl::btree_map<Key, KeptVolume> volumes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_KEPT_VOLUMES_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_PROJECT_IDS_H_
#define NODEVOL_STORAGE_PROJECT_IDS_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "storage/pool.h"

namespace nodevol::storage {

// Project ids are the filesystem's: kubelet, container runtimes and administrators use some too.
// Those of volumes are in this window, which no known user of them begins in.
inline constexpr uint32_t kFirstProjectId = 0x40000000;
inline constexpr uint32_t kLastProjectId = 0x7fffffff;

inline bool IsVolumeProject(uint32_t id) { return id >= kFirstProjectId && id <= kLastProjectId; }

// Where a pool begins to count, so that pools of one filesystem do not meet.
uint32_t FirstProjectIdOf(absl::string_view pool_uuid);

// Gives out the project ids of one pool, in order, none twice before the window has been gone
// through, and none that the kernel knows something of. How far it has come is in
// .nodevol/project-ids, ahead of what was given out: a crash skips some ids and repeats none.
// Thread-safe.
class ProjectIds {
 public:
  // The pool must outlive this.
  explicit ProjectIds(Pool& pool) : pool_(pool) {}

  // An id to which nothing is charged and that nothing limits. RESOURCE_EXHAUSTED when there is
  // none in reach, or no room to write the file.
  absl::StatusOr<uint32_t> Allocate();

 private:
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Reserve() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Pool& pool_;
  absl::Mutex mutex_;
  // 0 until it is loaded; [next_, reserved_) may be given out.
  uint32_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_PROJECT_IDS_H_

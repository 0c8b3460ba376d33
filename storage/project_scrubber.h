// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_PROJECT_SCRUBBER_H_
#define NODEVOL_STORAGE_PROJECT_SCRUBBER_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/periodic_thread.h"
#include "proto/storage.pb.h"
#include "storage/object_index.h"
#include "storage/pool.h"

namespace nodevol::storage {

// Looks after the project quotas of an open pool in the background, at once and then each hour:
// - the owner of a file can give it another project, unless he is in a user namespace, and so write
//   past his volume's limit, or fill that of another volume. Every file of every volume is looked
//   at, and put right and logged where its project is not the volume's;
// - limits of our window that nothing is charged to, which a crash can leave, are taken away.
// It sleeps most of the time, and takes no locks.
class ProjectScrubber {
 public:
  // Pool and index must outlive it.
  ProjectScrubber(Pool& pool, const ObjectIndex<v1::VolumeRecord>& volumes);
  // Stops in the middle of a run.
  ~ProjectScrubber();
  // The same, and waits at most `timeout`. Returns false when its run still goes on.
  bool Stop(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);
  ProjectScrubber(const ProjectScrubber&) = delete;
  ProjectScrubber& operator=(const ProjectScrubber&) = delete;

  // How many files with another project than their volume's were found so far.
  [[nodiscard]] int64_t escapes() const { return escapes_; }

 private:
  struct Findings {
    int64_t wrong = 0;
    int64_t not_repaired = 0;
    absl::Status why;  // of the last one that was not
  };

  void Run();
  absl::Status RemoveUnusedLimits();
  // The volumes that have a project, until `visit` returns false.
  void ForEachVolume(absl::FunctionRef<bool(const v1::VolumeRecord&)> visit);
  absl::Status ScrubVolume(const v1::VolumeRecord& record);
  absl::Status ScrubTree(int data, uint32_t project, Findings& findings);
  static void ScrubFile(int fd, bool directory, uint32_t project, Findings& findings);
  // Called for each file; CANCELLED when it is time to end.
  absl::Status Pace();
  // False when it is time to end.
  bool Rest(absl::Duration time) ABSL_LOCKS_EXCLUDED(mutex_);
  [[nodiscard]] bool Stopping() const ABSL_LOCKS_EXCLUDED(mutex_);

  Pool& pool_;
  const ObjectIndex<v1::VolumeRecord>& volumes_;
  std::atomic<int64_t> escapes_ = 0;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The thread's alone.
  int files_in_batch_ = 0;
  absl::Duration batch_start_ = absl::ZeroDuration();  // MonotonicNow()
  std::unique_ptr<PeriodicThread> thread_;             // last: it uses the rest
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_PROJECT_SCRUBBER_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_RESERVE_H_
#define NODEVOL_STORAGE_RESERVE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

#include "base/unique_fd.h"

namespace nodevol::storage {

// A preallocated file in a pool. On a full filesystem even a delete may need a block; then the file
// is given up, and made again when there is room. Thread-safe.
class Reserve {
 public:
  // For a filesystem of this size: 1 %, at least 4 MiB, at most 256 MiB.
  static int64_t SizeFor(int64_t filesystem_bytes);

  // `meta` is the pool's .nodevol directory, open while this lives. A full filesystem is no error:
  // then the reserve is missing until Restore succeeds.
  absl::Status Open(int meta, int64_t bytes);

  // Lets go of the file; its space stays taken.
  void Close();

  // Frees the space for those who are deleting now.
  absl::Status GiveUp();
  // Takes it back where it was given up. RESOURCE_EXHAUSTED while there is no room.
  absl::Status Restore();
  // How much of it is not there, in bytes.
  [[nodiscard]] int64_t Missing() const;

 private:
  absl::Status RestoreLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  UniqueFd file_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool present_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_RESERVE_H_

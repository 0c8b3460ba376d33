// SPDX-License-Identifier: Apache-2.0
#include "storage/reserve.h"

#include <fcntl.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/file_data.h"
#include "storage/layout.h"

namespace nodevol::storage {

int64_t Reserve::SizeFor(int64_t filesystem_bytes) {
  return std::clamp(filesystem_bytes / 100, 4 * kMiB, 256 * kMiB);
}

absl::Status Reserve::Open(int meta, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(file_, host::OpenBeneath(meta, kReserveFile, O_RDWR | O_CREAT, kFileMode));
  bytes_ = bytes;
  // XFS on a full filesystem refuses to allocate even blocks that are there.
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(file_.get()));
  present_ = info.size_bytes == bytes && info.allocated_bytes >= bytes;
  const absl::Status restored = RestoreLocked();
  return IsOutOfSpace(restored) ? absl::OkStatus() : restored;
}

absl::Status Reserve::RestoreLocked() {
  if (present_) return absl::OkStatus();
  absl::Status allocated = host::Allocate(file_.get(), bytes_, /*keep_size=*/false);
  if (!allocated.ok()) {
    // A part of it would be space that nobody counts.
    host::SetFileSize(file_.get(), 0).IgnoreError();
    return allocated;
  }
  present_ = true;
  return absl::OkStatus();
}

void Reserve::Close() {
  absl::MutexLock lock(&mutex_);
  file_.reset();
}

absl::Status Reserve::GiveUp() {
  absl::MutexLock lock(&mutex_);
  present_ = false;
  return host::SetFileSize(file_.get(), 0);
}

absl::Status Reserve::Restore() {
  absl::MutexLock lock(&mutex_);
  return RestoreLocked();
}

int64_t Reserve::Missing() const {
  absl::MutexLock lock(&mutex_);
  return present_ ? 0 : bytes_;
}

}  // namespace nodevol::storage

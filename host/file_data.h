// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_FILE_DATA_H_
#define NODEVOL_HOST_FILE_DATA_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The contents of regular files: their size, their holes, and ways to copy them.
namespace nodevol::host {

// ftruncate(2).
absl::Status SetFileSize(int fd, int64_t bytes);
// Reserves blocks for [0, bytes) (fallocate(2)); with keep_size the file does not grow. ENOSPC is
// answered before anything is half done as far as the filesystem allows; the caller drops the file.
absl::Status Allocate(int fd, int64_t bytes, bool keep_size);

// Makes `target` share all of `source`'s blocks (FICLONE): a point in time, at a cost by extents,
// not bytes. errno EOPNOTSUPP, EXDEV or EINVAL where the two files can't share.
absl::Status Reflink(int source, int target);
// True when that is what Reflink() said.
bool CannotShare(const absl::Status& reflinked);

// Copies data, keeps holes as holes, sets the size (SEEK_DATA, then copy_file_range(2), between
// filesystems read and write). Not a point in time: the caller keeps writers away.
absl::Status CopySparse(int source, int target);

// Bytes of the block device `fd` (BLKGETSIZE64).
absl::StatusOr<int64_t> BlockDeviceSize(int fd);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_FILE_DATA_H_

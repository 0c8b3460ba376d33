// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_FILESYSTEM_H_
#define NODEVOL_HOST_FILESYSTEM_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nodevol::host {

enum class FilesystemType { kExt4, kXfs, kBtrfs, kOther };

// "ext4", "xfs", "btrfs", "other".
absl::string_view FilesystemName(FilesystemType type);

// What statfs(2) says.
struct FilesystemUsage {
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;       // also root's share
  int64_t available_bytes = 0;  // without it
  int64_t total_inodes = 0;     // 0 where the filesystem has no fixed number (btrfs)
  int64_t free_inodes = 0;
  bool read_only = false;  // the mount or the filesystem
};

absl::StatusOr<FilesystemType> IdentifyFilesystem(int fd);
absl::StatusOr<FilesystemUsage> UsageOf(int fd);

// The UUID that mkfs gave the filesystem of fd (open for reading), as 32 hex characters: what names
// the disk whatever device node it has today. FAILED_PRECONDITION where the filesystem has none.
absl::StatusOr<std::string> FilesystemUuid(int fd);

// True when two files of this filesystem can share extents (FICLONE): tried, not guessed, with two
// temporary files in `directory`.
absl::StatusOr<bool> SupportsReflink(int directory);

// The alignment in bytes that direct I/O needs on this regular file, 0 when unknown (statx(2)
// STATX_DIOALIGN; directories have none).
uint32_t DirectIoAlignment(int fd);

// Has the filesystem mounted at fd (open for reading) discard all blocks that it does not use
// (FITRIM). Costs grow with what is free.
absl::Status Trim(int fd);

// How many errors a mounted ext4 on this block device has met since it was made or checked
// (/sys/fs/ext4/DEVICE/errors_count); 0 when it is no ext4.
int64_t Ext4ErrorCount(absl::string_view device);

// Freezes a mounted filesystem: writers wait, the disk is consistent (FIFREEZE). Neither closing fd
// nor the death of the process thaws it: whoever freezes must have made sure that somebody thaws.
absl::Status Freeze(int fd);
// Returns whether it was frozen.
absl::StatusOr<bool> Thaw(int fd);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_FILESYSTEM_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_FILE_H_
#define NODEVOL_HOST_FILE_H_

#include <fcntl.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "base/unique_fd.h"

// Files and directories, always relative to a descriptor that the caller holds. Nothing here
// follows a symbolic link or leaves the directory it was given. Errors carry their errno
// (base/errno_status.h).
namespace nodevol::host {

// What statx(2) says of an open file or of a path.
struct FileInfo {
  dev_t device = 0;
  ino_t inode = 0;
  mode_t mode = 0;
  dev_t device_number = 0;  // of a device node
  int64_t size_bytes = 0;
  int64_t allocated_bytes = 0;
  uint64_t mount_id = 0;    // unique over the boot where the kernel can say so (>= 6.8)
  bool mount_root = false;  // the file is the root of a mount

  [[nodiscard]] bool SameFileAs(const FileInfo& other) const {
    return device == other.device && inode == other.inode;
  }
};

// Opens `path` beneath the directory: openat2(2) with RESOLVE_BENEATH, NO_SYMLINKS and
// NO_MAGICLINKS. O_CLOEXEC is always added.
absl::StatusOr<UniqueFd> OpenBeneath(int directory, absl::string_view path, int flags,
                                     mode_t mode = 0);
// The same for a directory, opened for reading.
absl::StatusOr<UniqueFd> OpenDirectory(int directory, absl::string_view path);
// Opens an absolute path that an administrator or the CO named; links in it are followed.
absl::StatusOr<UniqueFd> OpenPath(absl::string_view path, int flags);

absl::StatusOr<FileInfo> Inspect(int fd);
// The last component is not followed.
absl::StatusOr<FileInfo> InspectPath(absl::string_view path);
absl::StatusOr<FileInfo> InspectAt(int directory, absl::string_view name);

absl::Status MakeDirectory(int directory, absl::string_view name, mode_t mode);
absl::Status RemoveDirectory(int directory, absl::string_view name);
absl::Status RemoveFile(int directory, absl::string_view name);

// Moves one name to another; errno EEXIST when the new one is taken (RENAME_NOREPLACE).
absl::Status RenameNoReplace(int old_directory, absl::string_view old_name, int new_directory,
                             absl::string_view new_name);
// Moves one name over another within a directory: the atomic replacement of a file.
absl::Status RenameOver(int directory, absl::string_view old_name, absl::string_view new_name);

// fsync(2). After an error the data may be lost although a second call would say OK: never retry.
absl::Status Sync(int fd);
// syncfs(2): everything dirty on the filesystem of fd.
absl::Status SyncFilesystem(int fd);

// Writes a new file (EEXIST when it is there) and syncs it; the directory is left to the caller.
// After an error a partial file may remain.
absl::Status WriteNewFile(int directory, absl::string_view name, absl::string_view content,
                          mode_t mode);
// Reads a whole file of at most max_bytes; OUT_OF_RANGE when it is larger.
absl::StatusOr<std::string> ReadFile(int directory, absl::string_view name, size_t max_bytes);
// The same of a file that the administrator has named: links are followed.
absl::StatusOr<std::string> ReadNamedFile(const std::string& path, size_t max_bytes);
// The names in a directory but "." and "..", in no order.
absl::StatusOr<std::vector<std::string>> ListDirectory(int directory);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_FILE_H_

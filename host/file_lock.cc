// SPDX-License-Identifier: Apache-2.0
#include "host/file_lock.h"

#include <fcntl.h>

#include <cerrno>

#include "base/errno_status.h"

namespace nodevol::host {

absl::StatusOr<bool> TryLockFile(int fd) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return ErrnoStatus(errno, "lock the file");
}

absl::StatusOr<bool> IsLockedByAnother(int fd) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_GETLK, &lock) != 0) return ErrnoStatus(errno, "ask for locks of the file");
  return lock.l_type != F_UNLCK;
}

absl::StatusOr<bool> IsSoleOpener(int fd) {
  if (::fcntl(fd, F_SETLEASE, F_WRLCK) != 0) {
    if (errno == EAGAIN) return false;
    return ErrnoStatus(errno, "take a lease");
  }
  if (::fcntl(fd, F_SETLEASE, F_UNLCK) != 0) return ErrnoStatus(errno, "give the lease back");
  return true;
}

}  // namespace nodevol::host

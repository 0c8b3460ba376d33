// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_FILE_LOCK_H_
#define NODEVOL_HOST_FILE_LOCK_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nodevol::host {

// Takes an exclusive OFD lock on the whole file (fcntl(2), F_OFD_SETLK): held until fd is closed,
// so a killed process leaves none. Returns false when another open file holds it.
absl::StatusOr<bool> TryLockFile(int fd);

// True when another open file holds such a lock; asking takes none. `fd` may be open for reading.
absl::StatusOr<bool> IsLockedByAnother(int fd);

// True when nobody else, in this process or another, in any namespace, as a file or through a loop
// device, has the file open: the kernel grants a write lease only then (fcntl(2), F_SETLEASE). `fd`
// must be the only descriptor of its owner. The lease is given back at once.
absl::StatusOr<bool> IsSoleOpener(int fd);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_FILE_LOCK_H_

// SPDX-License-Identifier: Apache-2.0
#include "host/ancestors.h"

#include <fcntl.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "absl/status/status.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace nodevol::host {
namespace {

absl::StatusOr<UniqueFd> OpenParent(int fd) {
  UniqueFd parent(::openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid()) return ErrnoStatus(errno, "open ..");
  return parent;
}

}  // namespace

absl::StatusOr<bool> IsWithin(int fd, const FileInfo& ancestor) {
  // A tree that somebody moves deeper all the time has no end.
  constexpr int kMaxDepth = PATH_MAX / 2;
  ASSIGN_OR_RETURN(FileInfo here, Inspect(fd));
  UniqueFd held;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    if (here.SameFileAs(ancestor)) return true;
    ASSIGN_OR_RETURN(UniqueFd parent, OpenParent(held.valid() ? held.get() : fd));
    ASSIGN_OR_RETURN(const FileInfo above, Inspect(parent.get()));
    if (above.SameFileAs(here) && above.mount_id == here.mount_id) return false;  // the root
    held = std::move(parent);
    here = above;
  }
  return absl::UnavailableError("the directory is moved all the time; retry when it rests");
}

}  // namespace nodevol::host

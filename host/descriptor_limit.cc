// SPDX-License-Identifier: Apache-2.0
#include "host/descriptor_limit.h"

#include <sys/resource.h>

#include <cerrno>

#include "base/errno_status.h"

namespace nodevol::host {

absl::StatusOr<uint64_t> RaiseDescriptorLimit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return ErrnoStatus(errno, "ask for the limit of descriptors");
  }
  if (limit.rlim_cur == limit.rlim_max) return limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return ErrnoStatus(errno, "raise the limit of descriptors");
  }
  return limit.rlim_cur;
}

}  // namespace nodevol::host

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_PRIVILEGE_H_
#define NODEVOL_HOST_PRIVILEGE_H_

#include "absl/status/status.h"

namespace nodevol::host {

// Makes CAP_SYS_RESOURCE ineffective in this thread and in those it starts: with it, ext4 ignores
// quotas for what the driver writes. Call before the first thread. OK where the process never had
// it.
absl::Status LowerSysResource();

// True when ScopedSysResource can do what it is for.
bool MayHaveSysResource();

// Has CAP_SYS_RESOURCE effective in this thread while alive, where the process is permitted it:
// ext4 demands it for growing a mounted filesystem (EXT4_IOC_RESIZE_FS).
class ScopedSysResource {
 public:
  ScopedSysResource();
  ~ScopedSysResource();
  ScopedSysResource(const ScopedSysResource&) = delete;
  ScopedSysResource& operator=(const ScopedSysResource&) = delete;

 private:
  bool raised_ = false;
};

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_PRIVILEGE_H_

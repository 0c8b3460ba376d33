// SPDX-License-Identifier: Apache-2.0
#include "host/privilege.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::host {
namespace {

constexpr uint32_t kSysResource = uint32_t{1} << CAP_SYS_RESOURCE;

using CapabilitySets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

absl::StatusOr<CapabilitySets> Get() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  CapabilitySets sets = {};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return ErrnoStatus(errno, "capget");
  return sets;
}

absl::Status Set(CapabilitySets sets) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  if (syscall(SYS_capset, &header, sets.data()) != 0) return ErrnoStatus(errno, "capset");
  return absl::OkStatus();
}

}  // namespace

absl::Status LowerSysResource() {
  ASSIGN_OR_RETURN(CapabilitySets sets, Get());
  sets[0].effective &= ~kSysResource;
  return Set(sets);
}

bool MayHaveSysResource() {
  const absl::StatusOr<CapabilitySets> sets = Get();
  return sets.ok() && ((*sets)[0].permitted & kSysResource) != 0;
}

ScopedSysResource::ScopedSysResource() {
  absl::StatusOr<CapabilitySets> sets = Get();
  if (!sets.ok() || ((*sets)[0].permitted & kSysResource) == 0) return;
  if (((*sets)[0].effective & kSysResource) != 0) return;  // whoever raised it lowers it
  (*sets)[0].effective |= kSysResource;
  raised_ = Set(*sets).ok();
}

ScopedSysResource::~ScopedSysResource() {
  if (raised_) LowerSysResource().IgnoreError();  // it was allowed to raise it: lowering can't fail
}

}  // namespace nodevol::host

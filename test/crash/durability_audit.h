// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CRASH_DURABILITY_AUDIT_H_
#define NODEVOL_TEST_CRASH_DURABILITY_AUDIT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nodevol::testing {

// The system calls that a trace must have for the audit.
inline constexpr char kAuditedCalls[] =
    "openat2,mkdirat,write,pwrite64,copy_file_range,ftruncate,fallocate,fchmod,fchown,ioctl,"
    "renameat2,unlinkat,fsync,fdatasync,syncfs";

// Reads the trace (strace -y) of one operation that was answered OK and says what of the pool it
// left to luck: files and directories that it changed and did not sync before the answer, and
// objects that it moved into view before all of them was synced. Filesystems forgive some of that:
// one fsync may write what another forgot, today. This does not.
//
// An fsync whose result strace made up (INJECTED) is none.
std::vector<std::string> AuditDurability(absl::string_view trace, absl::string_view pool_path);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CRASH_DURABILITY_AUDIT_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_FREEZE_GUARD_PROTOCOL_H_
#define NODEVOL_HOST_FREEZE_GUARD_PROTOCOL_H_

#include <unistd.h>

// What a FreezeGuard and its helper agree on; for these two only. The helper is started as
//
//   nodevol internal-freeze-guard FILESYSTEMS MILLISECONDS
//
// Each of its threads says kReady once, and hears kGo once, from which moment its limit counts.
namespace nodevol::host::freeze_guard {

inline constexpr char kCommand[] = "internal-freeze-guard";
inline constexpr char kReady = 'r';
inline constexpr char kGo = 'g';
// The helper's descriptors: a socket to the driver, and after standard error the filesystems.
inline constexpr int kControl = STDIN_FILENO;
inline constexpr int kFirstFilesystem = STDERR_FILENO + 1;

}  // namespace nodevol::host::freeze_guard

#endif  // NODEVOL_HOST_FREEZE_GUARD_PROTOCOL_H_

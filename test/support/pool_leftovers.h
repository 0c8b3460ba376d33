// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_POOL_LEFTOVERS_H_
#define NODEVOL_TEST_SUPPORT_POOL_LEFTOVERS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

#include "test/support/sandbox.h"

// What must not be left in a pool.
namespace nodevol::testing {

// Polls until the check is OK, or UNAVAILABLE: for what happens in the background.
absl::Status Eventually(const std::function<absl::Status()>& check);

// The directory has no entries.
absl::Status CheckEmpty(const std::string& path);

// The pool that fills this filesystem has no volume, no snapshot, nothing in staging, nothing in
// the trash, no quota of the driver's projects, and on btrfs no subvolume and no quota group. What
// the driver and the kernel remove in the background gets time for it.
absl::Status CheckPoolEmpty(const TestFilesystem& disk);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_POOL_LEFTOVERS_H_

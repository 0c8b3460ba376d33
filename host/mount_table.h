// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_MOUNT_TABLE_H_
#define NODEVOL_HOST_MOUNT_TABLE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nodevol::host {

// A line of /proc/self/mountinfo (proc(5)).
struct MountEntry {
  dev_t device = 0;
  std::string root;  // what of the filesystem is mounted
  std::string target;
  std::string filesystem;  // its type
  std::string source;
  std::string filesystem_options;  // "rw,discard"
  bool shared = false;             // what is mounted beneath it appears in other namespaces too
};

// All mounts of this mount namespace, oldest first. Costs grow with their number: for start-up, not
// for a call.
absl::StatusOr<std::vector<MountEntry>> ReadMountTable();

// The mount that an absolute path without links is on; null when the table has none.
const MountEntry* MountOf(const std::vector<MountEntry>& table, absl::string_view path);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_MOUNT_TABLE_H_

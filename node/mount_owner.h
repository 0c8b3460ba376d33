// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_MOUNT_OWNER_H_
#define NODEVOL_NODE_MOUNT_OWNER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "host/mount_table.h"
#include "storage/ids.h"

// Whose a mount is, by what the kernel says of its origin alone: no pool and no disk is asked, they
// may be gone.
namespace nodevol::node {

// The number of the loop device that the mount is, or is on.
std::optional<int> LoopOf(const host::MountEntry& entry);

// The volume of this driver, of whatever pool, that the mount shows; nullopt when it shows none.
absl::StatusOr<std::optional<storage::VolumeId>> OwnerOf(const host::MountEntry& entry);
// The volume whose image is behind a loop device; nullopt when it is none's.
absl::StatusOr<std::optional<storage::VolumeId>> OwnerOfLoop(int number);
// The volume in whose directory a path is, by its form; nullopt when it is in none.
std::optional<storage::VolumeId> OwnerOfPath(absl::string_view path);

// The last mount of the table at the path: the one on top. Null when there is none.
const host::MountEntry* TopmostAt(const std::vector<host::MountEntry>& table,
                                  const std::string& path);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_MOUNT_OWNER_H_

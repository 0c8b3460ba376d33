// SPDX-License-Identifier: Apache-2.0
#include "node/forgotten_mount.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "host/loop_device.h"
#include "host/mount.h"
#include "host/mount_table.h"
#include "node/mount_owner.h"
#include "node/mount_steps.h"

namespace nodevol::node {
namespace {

using storage::VolumeId;

// Frees the device of a raw block volume with the last path that it is bound to; those of
// filesystems free themselves.
absl::Status FreeUnlessBound(int number) {
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  for (const host::MountEntry& entry : table) {
    if (LoopOf(entry) == number) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const host::LoopDevice loop, host::OpenLoop(number, /*read_only=*/true));
  return host::DetachLoop(loop.fd.get());
}

// Unmounts the topmost mount. Returns false when nothing is mounted.
absl::StatusOr<bool> UnmountOne(IsForgotten is_forgotten, const TargetPath& target) {
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  const host::MountEntry* const mount = TopmostAt(table, target.canonical);
  if (mount == nullptr) return false;
  ASSIGN_OR_RETURN(const std::optional<VolumeId> owner, OwnerOf(*mount));
  if (!owner.has_value() || !is_forgotten(*owner)) return Occupied(target);
  RETURN_IF_ERROR(host::Unmount(target.canonical));
  if (const std::optional<int> loop = LoopOf(*mount); loop.has_value()) {
    RETURN_IF_ERROR(FreeUnlessBound(*loop));
  }
  return true;
}

absl::Status UnmountAllOf(IsForgotten is_forgotten, const TargetPath& target) {
  while (true) {
    ASSIGN_OR_RETURN(const bool unmounted, UnmountOne(is_forgotten, target));
    if (!unmounted) return absl::OkStatus();
  }
}

}  // namespace

absl::Status UndoForgottenPublish(IsForgotten is_forgotten, const TargetPath& target) {
  RETURN_IF_ERROR(UnmountAllOf(is_forgotten, target));
  return RemoveTarget(target);
}

absl::Status UndoForgottenStage(IsForgotten is_forgotten, const TargetPath& staging) {
  RETURN_IF_ERROR(UnmountAllOf(is_forgotten, staging));
  // Whether it was a filesystem or a block volume nobody knows any more.
  const absl::StatusOr<TargetPath> device =
      OpenTarget(absl::StrCat(staging.canonical, "/", kStagedDevice));
  if (IsMissing(device.status())) return absl::OkStatus();
  RETURN_IF_ERROR(device.status());
  RETURN_IF_ERROR(UnmountAllOf(is_forgotten, *device));
  return RemoveTarget(*device);
}

}  // namespace nodevol::node

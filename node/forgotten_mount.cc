// SPDX-License-Identifier: Apache-2.0
#include "node/forgotten_mount.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/loop_device.h"
#include "host/mount.h"
#include "host/mount_table.h"
#include "node/mount_steps.h"
#include "node/target_path.h"
#include "storage/image_backend.h"
#include "storage/layout.h"

namespace nodevol::node {
namespace {

constexpr size_t kMaxSysfsBytes = 8192;

// "volumes/ID", as it is part of every path of the volume's content.
std::string Mark(const storage::VolumeId& id) {
  return absl::StrCat("/", storage::kVolumesDirectory, "/", id.text(), "/");
}

absl::StatusOr<bool> LoopIsOf(const storage::VolumeId& id, int number) {
  ASSIGN_OR_RETURN(
      const UniqueFd directory,
      host::OpenPath(absl::StrCat("/sys/block/loop", number, "/loop"), O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const std::string file,
                   host::ReadFile(directory.get(), "backing_file", kMaxSysfsBytes));
  return absl::StrContains(file, Mark(id));
}

// The mount table is read whole: this is no path that a healthy node takes.
absl::StatusOr<bool> IsMountOf(const storage::VolumeId& id, const TargetPath& target, int fd,
                               std::optional<int>& loop_number) {
  const absl::StatusOr<std::optional<int>> number = storage::LoopBeneath(fd);
  if (number.ok() && number->has_value()) {
    loop_number = **number;
    return LoopIsOf(id, **number);
  }
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  bool found = false;
  for (const host::MountEntry& entry : table) {
    if (entry.target != target.canonical) continue;
    // The last entry of a path is the topmost mount.
    found = absl::StrContains(absl::StrCat(entry.root, "/"), Mark(id));
  }
  return found;
}

// Frees a loop device that was the published mount's alone: others are bound to one that is not
// read-only.
absl::Status FreeLoop(int number, bool only_if_read_only) {
  ASSIGN_OR_RETURN(const host::LoopDevice loop, host::OpenLoop(number, /*read_only=*/true));
  ASSIGN_OR_RETURN(const std::optional<host::LoopBacking> backing,
                   host::LoopBackingOf(loop.fd.get()));
  if (!backing.has_value() || (only_if_read_only && !backing->read_only)) return absl::OkStatus();
  return host::DetachLoop(loop.fd.get());
}

// Unmounts the topmost mount. Returns false when nothing is mounted.
absl::StatusOr<bool> UnmountOne(const storage::VolumeId& id, const TargetPath& target,
                                bool published) {
  std::optional<int> loop_number;
  {
    ASSIGN_OR_RETURN(const std::optional<UniqueFd> fd, LookUp(target));
    if (!fd.has_value()) return false;
    ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(fd->get()));
    if (!info.mount_root) return false;
    ASSIGN_OR_RETURN(const bool ours, IsMountOf(id, target, fd->get(), loop_number));
    if (!ours) return Occupied(target);
  }
  RETURN_IF_ERROR(host::Unmount(target.canonical));
  if (loop_number.has_value()) RETURN_IF_ERROR(FreeLoop(*loop_number, published));
  return true;
}

// Returns whether anything was mounted.
absl::StatusOr<bool> UnmountAllOf(const storage::VolumeId& id, const TargetPath& target,
                                  bool published) {
  bool any = false;
  while (true) {
    ASSIGN_OR_RETURN(const bool unmounted, UnmountOne(id, target, published));
    if (!unmounted) return any;
    any = true;
  }
}

}  // namespace

absl::Status UndoForgottenPublish(const storage::VolumeId& id, const std::string& target) {
  const absl::StatusOr<TargetPath> opened = OpenTarget(target);
  if (ErrnoOf(opened.status()) == ENOENT) return absl::OkStatus();
  RETURN_IF_ERROR(opened.status());
  RETURN_IF_ERROR(UnmountAllOf(id, *opened, /*published=*/true).status());
  return RemoveTarget(*opened);
}

absl::Status UndoForgottenStage(const storage::VolumeId& id, const std::string& staging) {
  // Whether it was a filesystem or a block volume nobody knows any more.
  for (const std::string& path : {staging, absl::StrCat(staging, "/", kStagedDevice)}) {
    const absl::StatusOr<TargetPath> opened = OpenTarget(path);
    if (ErrnoOf(opened.status()) == ENOENT) return absl::OkStatus();
    RETURN_IF_ERROR(opened.status());
    ASSIGN_OR_RETURN(const bool any, UnmountAllOf(id, *opened, /*published=*/false));
    if (any && path != staging) RETURN_IF_ERROR(RemoveTarget(*opened));
  }
  return absl::OkStatus();
}

}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
#include "node/forgotten_mount.h"

#include <fcntl.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "base/status_macros.h"
#include "host/file.h"
#include "host/loop_device.h"
#include "host/mount.h"
#include "host/mount_table.h"
#include "node/mount_steps.h"
#include "storage/layout.h"

namespace nodevol::node {
namespace {

constexpr size_t kMaxSysfsBytes = 8192;

// "volumes/ID", as it is part of every path of the volume's content.
std::string Mark(const storage::VolumeId& id) {
  return absl::StrCat("/", storage::kVolumesDirectory, "/", id.text(), "/");
}

// The number of the loop device that the mount is, or is on.
std::optional<int> LoopOf(const host::MountEntry& entry) {
  absl::string_view name = entry.source;
  if (!absl::ConsumePrefix(&name, "/dev/loop")) {
    name = entry.root;  // a device node, bound to a file
    if (!absl::ConsumePrefix(&name, "/loop")) return std::nullopt;
  }
  int number = 0;
  return absl::SimpleAtoi(name, &number) ? std::optional<int>(number) : std::nullopt;
}

absl::StatusOr<bool> IsImageOf(const storage::VolumeId& id, int loop) {
  const absl::StatusOr<UniqueFd> directory =
      host::OpenPath(absl::StrCat("/sys/block/loop", loop, "/loop"), O_RDONLY | O_DIRECTORY);
  if (IsMissing(directory.status())) return false;  // nothing is bound to it
  RETURN_IF_ERROR(directory.status());
  ASSIGN_OR_RETURN(const std::string file,
                   host::ReadFile(directory->get(), "backing_file", kMaxSysfsBytes));
  return absl::StrContains(file, Mark(id));
}

// By the mount table alone: a failed disk answers nothing.
absl::StatusOr<bool> IsMountOf(const storage::VolumeId& id, const host::MountEntry& entry) {
  if (absl::StrContains(absl::StrCat(entry.root, "/"), Mark(id))) return true;
  const std::optional<int> loop = LoopOf(entry);
  return loop.has_value() ? IsImageOf(id, *loop) : false;
}

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

// nullopt when nothing is mounted there.
absl::StatusOr<std::optional<host::MountEntry>> TopmostMount(const TargetPath& target) {
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  std::optional<host::MountEntry> topmost;
  for (const host::MountEntry& entry : table) {
    if (entry.target == target.canonical) topmost = entry;  // the last one of a path
  }
  return topmost;
}

// Unmounts the topmost mount. Returns false when nothing is mounted.
absl::StatusOr<bool> UnmountOne(const storage::VolumeId& id, const TargetPath& target) {
  ASSIGN_OR_RETURN(const std::optional<host::MountEntry> mount, TopmostMount(target));
  if (!mount.has_value()) return false;
  ASSIGN_OR_RETURN(const bool ours, IsMountOf(id, *mount));
  if (!ours) return Occupied(target);
  RETURN_IF_ERROR(host::Unmount(target.canonical));
  if (const std::optional<int> loop = LoopOf(*mount); loop.has_value()) {
    RETURN_IF_ERROR(FreeUnlessBound(*loop));
  }
  return true;
}

absl::Status UnmountAllOf(const storage::VolumeId& id, const TargetPath& target) {
  while (true) {
    ASSIGN_OR_RETURN(const bool unmounted, UnmountOne(id, target));
    if (!unmounted) return absl::OkStatus();
  }
}

}  // namespace

absl::Status UndoForgottenPublish(const storage::VolumeId& id, const TargetPath& target) {
  RETURN_IF_ERROR(UnmountAllOf(id, target));
  return RemoveTarget(target);
}

absl::Status UndoForgottenStage(const storage::VolumeId& id, const TargetPath& staging) {
  RETURN_IF_ERROR(UnmountAllOf(id, staging));
  // Whether it was a filesystem or a block volume nobody knows any more.
  const absl::StatusOr<TargetPath> device =
      OpenTarget(absl::StrCat(staging.canonical, "/", kStagedDevice));
  if (IsMissing(device.status())) return absl::OkStatus();
  RETURN_IF_ERROR(device.status());
  RETURN_IF_ERROR(UnmountAllOf(id, *device));
  return RemoveTarget(*device);
}

}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
#include "storage/root_filesystem.h"

#include <fcntl.h>

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "host/mount_table.h"

namespace nodevol::storage {

absl::StatusOr<bool> IsOnRootFilesystem(int directory) {
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath("/", O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const host::FileInfo root_info, host::Inspect(root.get()));
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(directory));
  if (info.device == root_info.device) return true;
  // Subvolumes of one btrfs have device numbers of their own.
  const absl::StatusOr<std::string> root_uuid = host::FilesystemUuid(root.get());
  const absl::StatusOr<std::string> uuid = host::FilesystemUuid(directory);
  return root_uuid.ok() && uuid.ok() && *root_uuid == *uuid;
}

absl::Status CheckOfOwnFilesystem(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  const host::MountEntry* const mount = host::MountOf(table, path);
  // What is mounted at /mnt/ssd is the directory /mnt/ssd of its filesystem: so on the node that
  // filesystem is at "/". On btrfs there may be a subvolume in front.
  if (mount == nullptr || mount->target == "/" || !absl::EndsWith(mount->root, mount->target)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "no disk seems to be mounted here: what the container has at ", mount->target,
      " is that directory of the node's root filesystem, which the pool would fill, and it is not "
      "prepared by itself; mount the disk, or, if this is meant, prepare it with \"nodevol pool "
      "init\""));
}

}  // namespace nodevol::storage

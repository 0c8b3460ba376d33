// SPDX-License-Identifier: Apache-2.0
#include "storage/pool_init.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "storage/layout.h"
#include "storage/record_file.h"

namespace nodevol::storage {
namespace {

constexpr absl::string_view kLostAndFound = "lost+found";  // mkfs.ext4 makes it

absl::Status MakeDirectoryOnce(int parent, absl::string_view name) {
  const absl::Status made = host::MakeDirectory(parent, name, kDirectoryMode);
  return ErrnoOf(made) == EEXIST ? absl::OkStatus() : made;
}

// Preparing a pool whose marker was lost would give it another UUID, under which none of its
// objects is found any more.
absl::Status CheckNoObjects(int root, const std::string& name) {
  ASSIGN_OR_RETURN(const UniqueFd directory, host::OpenDirectory(root, name));
  ASSIGN_OR_RETURN(const std::vector<std::string> objects, host::ListDirectory(directory.get()));
  if (objects.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the directory holds ", name,
                   " of a pool whose marker .nodevol/pool is missing; restore the "
                   "marker from a backup, or name an empty directory"));
}

absl::Status CheckEmpty(int root) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(root));
  for (const std::string& name : names) {
    // Our own directories without a marker: an earlier preparation was interrupted.
    if (name == kLostAndFound || name == kMetaDirectory) continue;
    if (name == kVolumesDirectory || name == kSnapshotsDirectory || name == kGroupsDirectory) {
      RETURN_IF_ERROR(CheckNoObjects(root, name));
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("the directory is neither a pool nor empty (it has \"", name,
                     "\"); name an empty directory of the filesystem, or move its content away"));
  }
  return absl::OkStatus();
}

absl::Status MakeDirectories(int root) {
  RETURN_IF_ERROR(MakeDirectoryOnce(root, kMetaDirectory));
  RETURN_IF_ERROR(MakeDirectoryOnce(root, kVolumesDirectory));
  RETURN_IF_ERROR(MakeDirectoryOnce(root, kSnapshotsDirectory));
  RETURN_IF_ERROR(MakeDirectoryOnce(root, kGroupsDirectory));
  ASSIGN_OR_RETURN(const UniqueFd meta, host::OpenDirectory(root, kMetaDirectory));
  RETURN_IF_ERROR(MakeDirectoryOnce(meta.get(), kStagingDirectory));
  RETURN_IF_ERROR(MakeDirectoryOnce(meta.get(), kTrashDirectory));
  RETURN_IF_ERROR(host::Sync(meta.get()));
  return host::Sync(root);
}

void EnableQuotasWherePossible(int root) {
  if (const absl::Status enabled = host::EnableSimpleQuotas(root); !enabled.ok()) {
    log::Warn("this pool can hold image volumes only, not directories",
              {{"reason", enabled.message()}});
  }
}

}  // namespace

absl::Status PreparePool(int root) {
  RETURN_IF_ERROR(CheckEmpty(root));
  ASSIGN_OR_RETURN(const host::FilesystemType type, host::IdentifyFilesystem(root));
  v1::PoolMarker marker;
  marker.set_pool_uuid(RandomHex(16));
  ASSIGN_OR_RETURN(*marker.mutable_filesystem_uuid(), host::FilesystemUuid(root));
  marker.set_filesystem_type(std::string(host::FilesystemName(type)));
  *marker.mutable_created() = google::protobuf::util::TimeUtil::GetCurrentTime();
  RETURN_IF_ERROR(MakeDirectories(root));
  if (type == host::FilesystemType::kBtrfs) EnableQuotasWherePossible(root);
  ASSIGN_OR_RETURN(const UniqueFd meta, host::OpenDirectory(root, kMetaDirectory));
  RETURN_IF_ERROR(ReplaceRecord(meta.get(), kMarkerFile, marker));
  return host::Sync(meta.get());
}

absl::StatusOr<std::optional<v1::PoolMarker>> ReadPoolMarker(int root) {
  const absl::StatusOr<UniqueFd> meta = host::OpenDirectory(root, kMetaDirectory);
  if (!meta.ok()) {
    if (ErrnoOf(meta.status()) == ENOENT) return std::optional<v1::PoolMarker>();
    return meta.status();
  }
  v1::PoolMarker marker;
  const absl::Status read = ReadRecord(meta->get(), kMarkerFile, marker);
  if (ErrnoOf(read) == ENOENT) return std::optional<v1::PoolMarker>();
  RETURN_IF_ERROR(read);
  return std::optional<v1::PoolMarker>(std::move(marker));
}

absl::StatusOr<std::optional<v1::PoolMarker>> ReadPoolMarker(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath(path, O_RDONLY | O_DIRECTORY));
  return ReadPoolMarker(root.get());
}

}  // namespace nodevol::storage

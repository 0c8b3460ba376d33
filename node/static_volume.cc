// SPDX-License-Identifier: Apache-2.0
#include "node/static_volume.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/ancestors.h"
#include "host/file_data.h"
#include "host/filesystem.h"
#include "host/mount.h"
#include "host/mount_table.h"
#include "node/mount_owner.h"
#include "node/mount_steps.h"
#include "node/usage_message.h"
#include "storage/capability.h"
#include "storage/mount_flags.h"

namespace nodevol::node {
namespace {

using storage::StaticVolume;

absl::StatusOr<host::MountAttributes> AttributesOf(const StaticPublication& wanted) {
  const auto& words = wanted.capability.mount().mount_flags();
  ASSIGN_OR_RETURN(const storage::MountFlags flags,
                   storage::ParseMountFlags("", {words.begin(), words.end()}));
  host::MountAttributes attributes = flags.attributes;
  attributes.read_only |= wanted.read_only || storage::IsReadOnly(wanted.capability.access_mode());
  return attributes;
}

absl::Status CheckSuits(const StaticVolume& volume, const StaticSource& source, bool read_only,
                        const TargetPath& target) {
  if (read_only && !source.CanBeReadOnly()) {
    return absl::InvalidArgumentError(
        absl::StrCat("path ", volume.path,
                     " is a device or a socket: a read-only mount keeps nobody from writing to it, "
                     "so it can't be "
                     "read-only; leave that out"));
  }
  if (!source.IsDirectory()) return absl::OkStatus();
  // Each mount of it would contain all those before.
  ASSIGN_OR_RETURN(const bool in_itself, host::IsWithin(target.parent.get(), source.info));
  if (!in_itself) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("path ", volume.path, " contains the target path ", target.canonical,
                   "; use a directory that the CO's directories are not in"));
}

// What is mounted at the target; not valid when nothing is.
absl::StatusOr<UniqueFd> MountAt(const TargetPath& target) {
  ASSIGN_OR_RETURN(std::optional<UniqueFd> there, LookUp(target));
  if (!there.has_value()) return UniqueFd();
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(there->get()));
  return info.mount_root ? *std::move(there) : UniqueFd();
}

// A repeated call: OK when it asks for what is there.
absl::Status CheckSame(const StaticSource& source, bool read_only, int mounted,
                       const TargetPath& target) {
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(mounted));
  if (!info.SameFileAs(source.info)) return Occupied(target);
  if (!source.CanBeReadOnly()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const host::FilesystemUsage there, host::UsageOf(mounted));
  // What is read-only on the node is so for everybody.
  ASSIGN_OR_RETURN(const host::FilesystemUsage original, host::UsageOf(source.fd.get()));
  if (there.read_only == (read_only || original.read_only)) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("the volume is at ", target.canonical,
                                               " with another readonly flag; unpublish it first"));
}

absl::Status Bind(const StaticSource& source, const host::MountAttributes& attributes, int target) {
  if (source.IsDevice()) return BindDevice(source.fd.get(), target);
  ASSIGN_OR_RETURN(const UniqueFd tree, source.IsDirectory()
                                            ? host::CloneTreeRecursively(source.fd.get())
                                            : host::CloneTree(source.fd.get()));
  RETURN_IF_ERROR(host::RestrictClone(tree.get(), attributes));
  return host::AttachMount(tree.get(), target);
}

// A filesystem that lives in memory alone and is whole at this place and nowhere else was mounted
// for the place: a static volume shows something that is elsewhere too.
bool IsMadeForItsPlace(const host::MountEntry& mount, const std::vector<host::MountEntry>& table) {
  constexpr std::array<absl::string_view, 4> kInMemory = {"tmpfs", "ramfs", "overlay", "proc"};
  return mount.root == "/" && absl::c_linear_search(kInMemory, mount.filesystem) &&
         absl::c_count_if(table, [&mount](const host::MountEntry& other) {
           return other.device == mount.device;
         }) == 1;
}

// Returns false when nothing is mounted at the target. What is mounted is not looked at: it may be
// of a server that is away, and never answer.
absl::StatusOr<bool> DetachOne(const TargetPath& target) {
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  const host::MountEntry* const mount = TopmostAt(table, target.canonical);
  if (mount == nullptr) return false;
  ASSIGN_OR_RETURN(const std::optional<storage::VolumeId> owner, OwnerOf(*mount));
  if (owner.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("volume ", owner->text(), " of this driver is mounted at ", target.canonical,
                     ", and no static volume; unpublish it by its id"));
  }
  if (IsMadeForItsPlace(*mount, table)) return Occupied(target);
  // With what is mounted beneath it. It need not be unused: nothing of the driver's depends on it,
  // and what it shows stays where it is.
  RETURN_IF_ERROR(host::DetachMount(target.canonical));
  return true;
}

}  // namespace

absl::Status PublishStatic(const storage::LocalStorage& storage, const StaticPrefixes& prefixes,
                           const StaticPublication& wanted, const TargetPath& target) {
  ASSIGN_OR_RETURN(const host::MountAttributes attributes, AttributesOf(wanted));
  {
    ASSIGN_OR_RETURN(const UniqueFd mounted, MountAt(target));
    if (mounted.valid()) {
      const absl::StatusOr<StaticSource> source =
          OpenStaticSource(storage, prefixes, wanted.volume, MayCreate::kNo);
      if (absl::IsNotFound(source.status())) return Occupied(target);
      RETURN_IF_ERROR(source.status());
      RETURN_IF_ERROR(CheckSuits(wanted.volume, *source, attributes.read_only, target));
      return CheckSame(*source, attributes.read_only, mounted.get(), target);
    }
  }
  ASSIGN_OR_RETURN(const StaticSource source,
                   OpenStaticSource(storage, prefixes, wanted.volume, MayCreate::kYes));
  RETURN_IF_ERROR(CheckSuits(wanted.volume, source, attributes.read_only, target));
  ASSIGN_OR_RETURN(
      NewTarget made,
      NewTarget::Make(target, source.IsDirectory() ? TargetKind::kDirectory : TargetKind::kFile));
  RETURN_IF_ERROR(Bind(source, attributes, made.fd()));
  made.Keep();
  return absl::OkStatus();
}

absl::Status UnpublishStatic(const TargetPath& target) {
  while (true) {
    ASSIGN_OR_RETURN(const bool detached, DetachOne(target));
    if (!detached) break;
  }
  return RemoveTarget(target);
}

absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> StaticUsage(const std::string& path) {
  const absl::Status nothing =
      absl::NotFoundError(absl::StrCat("the static volume is not at ", path));
  const absl::StatusOr<UniqueFd> fd = host::OpenPath(path, O_PATH | O_NOFOLLOW);
  if (IsMissing(fd.status()) || ErrnoOf(fd.status()) == ENAMETOOLONG) return nothing;
  RETURN_IF_ERROR(fd.status());
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(fd->get()));
  if (!info.mount_root) return nothing;
  storage::VolumeUsage usage;
  if (S_ISDIR(info.mode)) {
    ASSIGN_OR_RETURN(const host::FilesystemUsage filesystem, host::UsageOf(fd->get()));
    usage.total_bytes = filesystem.total_bytes;
    usage.used_bytes = filesystem.total_bytes - filesystem.free_bytes;
    usage.available_bytes = filesystem.available_bytes;
    usage.inodes = {filesystem.total_inodes, filesystem.total_inodes - filesystem.free_inodes,
                    filesystem.free_inodes};
    return ToCsi(usage, /*block=*/false);
  }
  if (S_ISREG(info.mode)) {
    usage.total_bytes = usage.used_bytes = info.size_bytes;
    return ToCsi(usage, /*block=*/false);
  }
  if (S_ISBLK(info.mode)) {
    ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(path, O_RDONLY | O_NONBLOCK));
    ASSIGN_OR_RETURN(usage.total_bytes, host::BlockDeviceSize(device.get()));
    return ToCsi(usage, /*block=*/true);
  }
  return csi::v1::NodeGetVolumeStatsResponse();
}

}  // namespace nodevol::node

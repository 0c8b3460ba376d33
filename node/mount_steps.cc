// SPDX-License-Identifier: Apache-2.0
#include "node/mount_steps.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "host/loop_device.h"
#include "host/mount.h"
#include "storage/capability.h"
#include "storage/image_backend.h"

namespace nodevol::node {
namespace {

using storage::IsBlock;
using storage::LocalVolume;
using storage::VolumeMount;

// A device node on a nodev mount could not be opened.
constexpr host::MountAttributes kDeviceMount = {.nodev = false, .noexec = true};

// The capability with which the volume was mounted at the path, where this process knows it.
std::optional<v1::VolumeCapability> KnownCapability(LocalVolume& volume, const std::string& path) {
  for (VolumeMount& mount : volume.engine.mounts().Find(volume.record->id())) {
    if (mount.path == path) return std::move(mount.capability);
  }
  return std::nullopt;
}

absl::Status DetachUnlessBound(LocalVolume& volume, int loop_number) {
  ASSIGN_OR_RETURN(const std::vector<VolumeMount> mounts, MountsElsewhere(volume, ""));
  for (const VolumeMount& mount : mounts) {
    ASSIGN_OR_RETURN(const std::optional<UniqueFd> fd,
                     volume.engine.OpenMountOf(volume.object.get(), *volume.record, mount.path));
    if (!fd.has_value()) continue;
    ASSIGN_OR_RETURN(const std::optional<int> number, storage::LoopBeneath(fd->get()));
    if (number == loop_number) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const host::LoopDevice device, host::OpenLoop(loop_number, /*read_only=*/true));
  return host::DetachLoop(device.fd.get());
}

// Frees the devices of a raw block volume that nothing is bound to any more: an earlier call may
// have failed between unmounting the last target and this.
absl::Status DetachForgotten(LocalVolume& volume) {
  ASSIGN_OR_RETURN(const UniqueFd image, storage::OpenImage(volume.object.get(), O_RDONLY));
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(image.get()));
  ASSIGN_OR_RETURN(const std::vector<host::AttachedLoop> loops, host::ListLoops());
  for (const host::AttachedLoop& loop : loops) {
    if (loop.backing.device != info.device || loop.backing.inode != info.inode) continue;
    RETURN_IF_ERROR(DetachUnlessBound(volume, loop.number));
  }
  return absl::OkStatus();
}

// NodeGetVolumeStats looks at a mount without the volume's lock, for a moment. A pod's open files
// stay longer.
absl::Status UnmountPatiently(const std::string& path) {
  constexpr int kAttempts = 20;
  constexpr absl::Duration kPause = absl::Milliseconds(10);
  for (int attempt = 1;; ++attempt) {
    absl::Status unmounted = host::Unmount(path);
    if (ErrnoOf(unmounted) != EBUSY || attempt == kAttempts) return unmounted;
    absl::SleepFor(kPause);
  }
}

}  // namespace

absl::Status Occupied(const TargetPath& target) {
  return absl::FailedPreconditionError(
      absl::StrCat("something else is mounted at ", target.canonical, "; unmount it first"));
}

absl::StatusOr<TargetPath> StagingPoint(const LocalVolume& volume, const TargetPath& staging) {
  return OpenTarget(IsBlock(*volume.record) ? absl::StrCat(staging.canonical, "/", kStagedDevice)
                                            : staging.canonical);
}

absl::StatusOr<MountPoint> LookAt(LocalVolume& volume, const TargetPath& target) {
  MountPoint point;
  ASSIGN_OR_RETURN(std::optional<UniqueFd> fd, LookUp(target));
  if (!fd.has_value()) return point;
  point.fd = *std::move(fd);
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(point.fd.get()));
  if (!info.mount_root) return point;
  ASSIGN_OR_RETURN(const bool ours,
                   volume.backend().Owns(volume.object.get(), *volume.record, point.fd.get()));
  point.occupant = ours ? Occupant::kThisVolume : Occupant::kOther;
  return point;
}

absl::StatusOr<std::vector<VolumeMount>> MountsElsewhere(LocalVolume& volume,
                                                         const std::string& but,
                                                         const std::string& and_but) {
  ASSIGN_OR_RETURN(std::vector<VolumeMount> mounts,
                   volume.engine.LiveMounts(volume.object.get(), *volume.record));
  std::erase_if(
      mounts, [&](const VolumeMount& mount) { return mount.path == but || mount.path == and_but; });
  return mounts;
}

void Remember(LocalVolume& volume, const TargetPath& target,
              const v1::VolumeCapability& capability) {
  volume.engine.mounts().Add(volume.record->id(), {target.canonical, capability});
}

absl::StatusOr<storage::MountFlags> FlagsOf(const LocalVolume& volume,
                                            const v1::VolumeCapability& capability,
                                            bool read_only) {
  const auto& words = capability.mount().mount_flags();
  ASSIGN_OR_RETURN(storage::MountFlags flags,
                   storage::ParseMountFlags(storage::FilesystemTypeOf(*volume.record),
                                            {words.begin(), words.end()}));
  flags.attributes.read_only |= read_only || storage::IsReadOnly(capability.access_mode()) ||
                                volume.record->publication().readonly();
  return flags;
}

absl::Status MountVolume(LocalVolume& volume, const storage::MountFlags& flags, int target) {
  ASSIGN_OR_RETURN(const UniqueFd mounted,
                   volume.backend().OpenMount(volume.object.get(), *volume.record, flags));
  return host::AttachMount(mounted.get(), target);
}

absl::Status BindDevice(int device, int target) {
  ASSIGN_OR_RETURN(const UniqueFd tree, host::CloneTree(device));
  RETURN_IF_ERROR(host::SetMountAttributes(tree.get(), kDeviceMount));
  return host::AttachMount(tree.get(), target);
}

absl::Status AttachAndBind(LocalVolume& volume, bool read_only, int target) {
  ASSIGN_OR_RETURN(const host::LoopDevice device,
                   volume.backend().AttachDevice(volume.object.get(), *volume.record, read_only));
  const absl::Status bound = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const UniqueFd node, host::OpenPath(device.Path(), O_PATH | O_NOFOLLOW));
    return BindDevice(node.get(), target);
  }();
  if (!bound.ok()) host::DetachLoop(device.fd.get()).IgnoreError();
  return bound;
}

absl::StatusOr<bool> IsReadOnlyMount(const LocalVolume& volume, int fd) {
  if (!IsBlock(*volume.record)) {
    ASSIGN_OR_RETURN(const host::FilesystemUsage usage, host::UsageOf(fd));
    return usage.read_only;
  }
  ASSIGN_OR_RETURN(const std::optional<int> number, storage::LoopBeneath(fd));
  if (!number.has_value()) return absl::InternalError("the volume is not on a loop device");
  ASSIGN_OR_RETURN(const host::LoopDevice device, host::OpenLoop(*number, /*read_only=*/true));
  ASSIGN_OR_RETURN(const std::optional<host::LoopBacking> backing,
                   host::LoopBackingOf(device.fd.get()));
  return backing.has_value() && backing->read_only;
}

absl::Status CheckSameMount(LocalVolume& volume, const TargetPath& target, int fd,
                            const v1::VolumeCapability& capability, bool read_only) {
  ASSIGN_OR_RETURN(const bool is_read_only, IsReadOnlyMount(volume, fd));
  const std::optional<v1::VolumeCapability> known = KnownCapability(volume, target.canonical);
  const bool same = !known.has_value() || storage::SameCapability(*known, capability);
  if (!same || is_read_only != read_only) {
    return absl::AlreadyExistsError(
        absl::StrCat("the volume is at ", target.canonical,
                     " with another capability or readonly flag; undo that first"));
  }
  if (!known.has_value()) Remember(volume, target, capability);
  return absl::OkStatus();
}

absl::Status UnmountAll(LocalVolume& volume, const TargetPath& target) {
  bool unmounted_any = false;
  while (true) {
    std::optional<int> loop_number;
    {
      ASSIGN_OR_RETURN(const MountPoint point, LookAt(volume, target));
      if (point.occupant == Occupant::kOther) return Occupied(target);
      if (point.occupant == Occupant::kNothing) break;
      if (IsBlock(*volume.record)) {
        ASSIGN_OR_RETURN(loop_number, storage::LoopBeneath(point.fd.get()));
      }
    }
    const absl::Status unmounted = UnmountPatiently(target.canonical);
    if (ErrnoOf(unmounted) == EBUSY) {
      return absl::FailedPreconditionError(absl::StrCat(
          target.canonical, " is busy: a process on the node has files open there; end it"));
    }
    RETURN_IF_ERROR(unmounted);
    unmounted_any = true;
    volume.engine.mounts().Remove(volume.record->id(), target.canonical);
    if (!loop_number.has_value()) continue;
    // A device that other targets are bound to must stay.
    RETURN_IF_ERROR(DetachUnlessBound(volume, *loop_number));
  }
  volume.engine.mounts().Remove(volume.record->id(), target.canonical);
  if (unmounted_any || !IsBlock(*volume.record)) return absl::OkStatus();
  return DetachForgotten(volume);
}

}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
#include "node/volume_mounter.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/mount.h"
#include "node/mount_steps.h"
#include "storage/capability.h"
#include "storage/mount_flags.h"

namespace nodevol::node {
namespace {

using storage::IsBlock;
using storage::LocalVolume;
using storage::VolumeMount;

bool MustBeReadOnly(const LocalVolume& volume, const v1::VolumeCapability& capability) {
  return storage::IsReadOnly(capability.access_mode()) || volume.record->publication().readonly();
}

absl::StatusOr<storage::MountFlags> FlagsOf(const LocalVolume& volume,
                                            const v1::VolumeCapability& capability) {
  const auto& flags = capability.mount().mount_flags();
  return storage::ParseMountFlags(storage::FilesystemTypeOf(*volume.record),
                                  {flags.begin(), flags.end()});
}

absl::Status StageMount(LocalVolume& volume, const TargetPath& staging,
                        const v1::VolumeCapability& capability, int target) {
  ASSIGN_OR_RETURN(storage::MountFlags flags, FlagsOf(volume, capability));
  flags.attributes.read_only |= MustBeReadOnly(volume, capability);
  ASSIGN_OR_RETURN(const UniqueFd mounted,
                   volume.backend().OpenMount(volume.object.get(), *volume.record, flags));
  RETURN_IF_ERROR(host::AttachMount(mounted.get(), target));
  Remember(volume, staging, capability);
  return absl::OkStatus();
}

absl::Status StageDevice(LocalVolume& volume, const TargetPath& point,
                         const v1::VolumeCapability& capability) {
  ASSIGN_OR_RETURN(NewTarget file, NewTarget::Make(point, TargetKind::kFile));
  RETURN_IF_ERROR(AttachAndBind(volume, MustBeReadOnly(volume, capability), file.fd()));
  file.Keep();
  Remember(volume, point, capability);
  return absl::OkStatus();
}

// The descriptor of a look would keep the mount busy: it ends here.
absl::StatusOr<bool> IsAt(LocalVolume& volume, const TargetPath& target) {
  ASSIGN_OR_RETURN(const MountPoint point, LookAt(volume, target));
  return point.occupant == Occupant::kThisVolume;
}

absl::Status NotStaged(const TargetPath& staging) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the volume is not staged at ", staging.canonical, "; call NodeStageVolume first"));
}

// A filesystem volume: the staged mount, bound again.
absl::Status PublishMount(LocalVolume& volume, int staged, const v1::VolumeCapability& capability,
                          bool read_only, int target) {
  ASSIGN_OR_RETURN(storage::MountFlags flags, FlagsOf(volume, capability));
  flags.attributes.read_only |= read_only;
  ASSIGN_OR_RETURN(const UniqueFd tree, host::CloneTree(staged));
  RETURN_IF_ERROR(host::SetMountAttributes(tree.get(), flags.attributes));
  return host::AttachMount(tree.get(), target);
}

// A block volume: the staged device, or for a read-only target one of its own.
absl::Status PublishDevice(LocalVolume& volume, int staged, bool read_only, int target) {
  ASSIGN_OR_RETURN(const bool staged_read_only, IsReadOnlyMount(volume, staged));
  if (staged_read_only && !read_only) {
    return absl::FailedPreconditionError(
        "the volume is staged read-only and can't be published writable; stage it anew");
  }
  if (read_only && !staged_read_only) return AttachAndBind(volume, true, target);
  return BindDevice(staged, target);
}

// Whether one more target is allowed.
absl::Status CheckSoleTarget(LocalVolume& volume, const TargetPath& staged,
                             const PublishRequest& request) {
  if (storage::AllowsSeveralTargets(request.capability.access_mode())) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<VolumeMount> others,
                   MountsElsewhere(volume, staged.canonical, request.target.canonical));
  if (others.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the volume is published at ", others.front().path, " and its access mode ",
                   v1::AccessMode_Name(request.capability.access_mode()),
                   " allows one target; unpublish it there, or use SINGLE_NODE_MULTI_WRITER"));
}

}  // namespace

absl::Status StageVolume(LocalVolume& volume, const TargetPath& staging,
                         const v1::VolumeCapability& capability) {
  RETURN_IF_ERROR(storage::CheckVolumeHas(*volume.record, capability));
  ASSIGN_OR_RETURN(const std::optional<UniqueFd> directory, LookUp(staging));
  if (!directory.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the staging path ", staging.canonical,
                     " does not exist; the CO makes it before it calls"));
  }
  ASSIGN_OR_RETURN(const TargetPath point, StagingPoint(volume, staging));
  ASSIGN_OR_RETURN(const MountPoint now, LookAt(volume, point));
  if (now.occupant == Occupant::kOther) return Occupied(point);
  if (now.occupant == Occupant::kThisVolume) {
    return CheckSameMount(volume, point, now.fd.get(), capability,
                          MustBeReadOnly(volume, capability));
  }
  ASSIGN_OR_RETURN(const std::vector<VolumeMount> elsewhere,
                   MountsElsewhere(volume, point.canonical));
  if (!elsewhere.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("the volume is in use at ",
                                                      elsewhere.front().path,
                                                      "; unpublish and unstage it there first"));
  }
  return IsBlock(*volume.record) ? StageDevice(volume, point, capability)
                                 : StageMount(volume, point, capability, directory->get());
}

absl::Status UnstageVolume(LocalVolume& volume, const TargetPath& staging) {
  absl::StatusOr<TargetPath> point = StagingPoint(volume, staging);
  if (ErrnoOf(point.status()) == ENOENT) return absl::OkStatus();
  RETURN_IF_ERROR(point.status());
  ASSIGN_OR_RETURN(const bool staged_here, IsAt(volume, *point));
  if (staged_here) {
    ASSIGN_OR_RETURN(const std::vector<VolumeMount> published,
                     MountsElsewhere(volume, point->canonical));
    if (!published.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the volume is still published at ", published.front().path, "; unpublish it first"));
    }
  }
  // The staging directory is the CO's; the file in it that a block volume is bound to is ours.
  RETURN_IF_ERROR(UnmountAll(volume, *point));
  return IsBlock(*volume.record) ? RemoveTarget(*point) : absl::OkStatus();
}

absl::Status PublishVolume(LocalVolume& volume, const PublishRequest& request) {
  RETURN_IF_ERROR(storage::CheckVolumeHas(*volume.record, request.capability));
  const bool read_only = request.read_only || MustBeReadOnly(volume, request.capability);
  const absl::StatusOr<TargetPath> staged = StagingPoint(volume, request.staging);
  if (ErrnoOf(staged.status()) == ENOENT) return NotStaged(request.staging);
  RETURN_IF_ERROR(staged.status());
  ASSIGN_OR_RETURN(const MountPoint source, LookAt(volume, *staged));
  if (source.occupant != Occupant::kThisVolume) return NotStaged(request.staging);

  const TargetPath& target = request.target;
  {
    ASSIGN_OR_RETURN(const MountPoint now, LookAt(volume, target));
    if (now.occupant == Occupant::kOther) return Occupied(target);
    if (now.occupant == Occupant::kThisVolume) {
      return CheckSameMount(volume, target, now.fd.get(), request.capability, read_only);
    }
  }
  RETURN_IF_ERROR(CheckSoleTarget(volume, *staged, request));
  const bool block = IsBlock(*volume.record);
  ASSIGN_OR_RETURN(NewTarget made,
                   NewTarget::Make(target, block ? TargetKind::kFile : TargetKind::kDirectory));
  RETURN_IF_ERROR(
      block ? PublishDevice(volume, source.fd.get(), read_only, made.fd())
            : PublishMount(volume, source.fd.get(), request.capability, read_only, made.fd()));
  made.Keep();
  Remember(volume, target, request.capability);
  return absl::OkStatus();
}

absl::Status UnpublishVolume(LocalVolume& volume, const TargetPath& target) {
  RETURN_IF_ERROR(UnmountAll(volume, target));
  return RemoveTarget(target);
}

absl::StatusOr<UniqueFd> OpenVolumeAt(LocalVolume& volume, const std::string& path) {
  for (const std::string& candidate : {path, absl::StrCat(path, "/", kStagedDevice)}) {
    ASSIGN_OR_RETURN(std::optional<UniqueFd> fd,
                     volume.engine.OpenMountOf(volume.object.get(), *volume.record, candidate));
    if (fd.has_value()) return *std::move(fd);
    if (!IsBlock(*volume.record)) break;
  }
  return absl::NotFoundError(absl::StrCat("volume ", volume.record->id(), " is not at ", path));
}

}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
#include "node/volume_mounter.h"

#include <sys/stat.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

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

absl::Status StageDevice(LocalVolume& volume, const TargetPath& point, bool read_only) {
  ASSIGN_OR_RETURN(NewTarget file, NewTarget::Make(point, TargetKind::kFile));
  RETURN_IF_ERROR(AttachAndBind(volume, read_only, file.fd()));
  file.Keep();
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenStagingDirectory(const TargetPath& staging) {
  ASSIGN_OR_RETURN(std::optional<UniqueFd> directory, LookUp(staging));
  if (directory.has_value()) {
    ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(directory->get()));
    if (S_ISDIR(info.mode)) return *std::move(directory);
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the staging path ", staging.canonical, " is ",
                   directory.has_value() ? "no directory" : "missing",
                   "; the CO makes the directory before it calls"));
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

absl::Status StagedReadOnly(const TargetPath& staging) {
  return absl::FailedPreconditionError(
      absl::StrCat("the volume can't be published writable: it is staged read-only at ",
                   staging.canonical, ", or went read-only after an error; stage it anew"));
}

// A filesystem volume: the staged mount, bound again.
absl::Status PublishMount(int staged, const host::MountAttributes& attributes, int target) {
  ASSIGN_OR_RETURN(const UniqueFd tree, host::CloneTree(staged));
  RETURN_IF_ERROR(host::SetMountAttributes(tree.get(), attributes));
  return host::AttachMount(tree.get(), target);
}

// A block volume: the staged device, or for a read-only target one of its own.
absl::Status PublishDevice(LocalVolume& volume, int staged, bool staged_read_only, bool read_only,
                           int target) {
  if (read_only && !staged_read_only) return AttachAndBind(volume, true, target);
  return BindDevice(staged, target);
}

// Whether one more target is allowed, by this call and by those that published it elsewhere.
absl::Status CheckSoleTarget(LocalVolume& volume, const TargetPath& staged,
                             const PublishRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<VolumeMount> others,
                   MountsElsewhere(volume, staged.canonical, request.target.canonical));
  for (const VolumeMount& other : others) {
    // What an earlier process published is known only to the kernel, which knows no access modes.
    const v1::AccessMode there = other.capability.value_or(request.capability).access_mode();
    for (const v1::AccessMode mode : {request.capability.access_mode(), there}) {
      if (storage::AllowsSeveralTargets(mode)) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          "the volume is published at ", other.path, " and access mode ", v1::AccessMode_Name(mode),
          " allows one target; unpublish it there, or use SINGLE_NODE_MULTI_WRITER"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status StageVolume(LocalVolume& volume, const TargetPath& staging,
                         const v1::VolumeCapability& capability) {
  RETURN_IF_ERROR(storage::CheckVolumeHas(*volume.record, capability));
  ASSIGN_OR_RETURN(const storage::MountFlags flags,
                   FlagsOf(volume, capability, /*read_only=*/false));
  const bool read_only = flags.attributes.read_only;
  ASSIGN_OR_RETURN(const UniqueFd directory, OpenStagingDirectory(staging));
  ASSIGN_OR_RETURN(const TargetPath point, StagingPoint(volume, staging));
  ASSIGN_OR_RETURN(const MountPoint now, LookAt(volume, point));
  if (now.occupant == Occupant::kOther) return Occupied(point);
  if (now.occupant == Occupant::kThisVolume) {
    return CheckSameMount(volume, point, now.fd.get(), capability, read_only);
  }
  ASSIGN_OR_RETURN(const std::vector<VolumeMount> elsewhere,
                   MountsElsewhere(volume, point.canonical));
  if (!elsewhere.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("the volume is in use at ",
                                                      elsewhere.front().path,
                                                      "; unpublish and unstage it there first"));
  }
  RETURN_IF_ERROR(IsBlock(*volume.record) ? StageDevice(volume, point, read_only)
                                          : MountVolume(volume, flags, directory.get()));
  Remember(volume, point, capability);
  return absl::OkStatus();
}

absl::Status UnstageVolume(LocalVolume& volume, const TargetPath& staging) {
  absl::StatusOr<TargetPath> point = StagingPoint(volume, staging);
  if (IsMissing(point.status())) return absl::OkStatus();
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
  ASSIGN_OR_RETURN(const storage::MountFlags flags,
                   FlagsOf(volume, request.capability, request.read_only));
  const bool read_only = flags.attributes.read_only;
  const absl::StatusOr<TargetPath> staged = StagingPoint(volume, request.staging);
  if (IsMissing(staged.status())) return NotStaged(request.staging);
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
  ASSIGN_OR_RETURN(const bool staged_read_only, IsReadOnlyMount(volume, source.fd.get()));
  if (staged_read_only && !read_only) return StagedReadOnly(request.staging);
  const bool block = IsBlock(*volume.record);
  ASSIGN_OR_RETURN(NewTarget made,
                   NewTarget::Make(target, block ? TargetKind::kFile : TargetKind::kDirectory));
  RETURN_IF_ERROR(
      block ? PublishDevice(volume, source.fd.get(), staged_read_only, read_only, made.fd())
            : PublishMount(source.fd.get(), flags.attributes, made.fd()));
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

// SPDX-License-Identifier: Apache-2.0
#include "storage/capability.h"

#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"

#include "base/status_macros.h"
#include "storage/mount_flags.h"

namespace nodevol::storage {
namespace {

absl::Status CheckAccessMode(v1::AccessMode mode) {
  switch (mode) {
    case v1::SINGLE_NODE_WRITER:
    case v1::SINGLE_NODE_READER_ONLY:
    case v1::SINGLE_NODE_SINGLE_WRITER:
    case v1::SINGLE_NODE_MULTI_WRITER:
      return absl::OkStatus();
    case v1::MULTI_NODE_READER_ONLY:
    case v1::MULTI_NODE_SINGLE_WRITER:
    case v1::MULTI_NODE_MULTI_WRITER:
      return absl::InvalidArgumentError(
          absl::StrCat("access mode ", v1::AccessMode_Name(mode),
                       " is not possible: a volume lives on one node's disk and no other node can "
                       "reach it; use ReadWriteOnce or ReadWriteOncePod"));
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("unknown access mode ", static_cast<int>(mode)));
  }
}

absl::Status CheckMount(const v1::MountAccess& mount) {
  if (!mount.fs_type().empty() &&
      ParseFilesystemType(mount.fs_type()) == host::FilesystemType::kOther) {
    return absl::InvalidArgumentError(absl::StrCat("filesystem type \"", mount.fs_type(),
                                                   "\" is not known; use ext4, xfs or btrfs"));
  }
  // Without a type the filesystem is chosen later, and the flags are checked for it then.
  return ParseMountFlags(mount.fs_type().empty() ? kAnyFilesystem : mount.fs_type(),
                         {mount.mount_flags().begin(), mount.mount_flags().end()})
      .status();
}

absl::Status CheckFlagsFor(const v1::VolumeRecord& volume, const v1::MountAccess& mount) {
  const auto& words = mount.mount_flags();
  ASSIGN_OR_RETURN(const MountFlags flags,
                   ParseMountFlags(FilesystemTypeOf(volume), {words.begin(), words.end()}));
  const auto is_discard = [](const host::FilesystemOption& option) {
    return option.first == "discard";
  };
  if (volume.image().thick() && absl::c_any_of(flags.filesystem, is_discard)) {
    return absl::InvalidArgumentError(
        "mount flag discard gives a volume's blocks back, and provisioning thick is to keep them; "
        "use one or the other");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCapability(const v1::VolumeCapability& capability) {
  RETURN_IF_ERROR(CheckAccessMode(capability.access_mode()));
  switch (capability.access_type_case()) {
    case v1::VolumeCapability::kBlock:
      return absl::OkStatus();
    case v1::VolumeCapability::kMount:
      return CheckMount(capability.mount());
    case v1::VolumeCapability::ACCESS_TYPE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("the volume capability has no access type (block or mount)");
}

absl::Status CheckVolumeHas(const v1::VolumeRecord& volume,
                            const v1::VolumeCapability& capability) {
  if (capability.has_block() != IsBlock(volume)) {
    return absl::FailedPreconditionError(
        IsBlock(volume) ? "this is a raw block volume; it can't be mounted"
                        : "this volume has a filesystem; it can't be used as a raw block device");
  }
  if (!capability.has_mount()) return absl::OkStatus();
  const std::string& wanted = capability.mount().fs_type();
  const std::string& actual = FilesystemTypeOf(volume);
  if (!wanted.empty() && volume.has_image() && wanted != actual) {
    return absl::FailedPreconditionError(
        absl::StrCat("the volume's filesystem is ", actual, ", not ", wanted));
  }
  return CheckFlagsFor(volume, capability.mount());
}

const std::string& FilesystemTypeOf(const v1::VolumeRecord& volume) {
  return volume.image().fs_type();
}

bool IsBlock(const v1::VolumeRecord& volume) {
  return volume.has_image() && volume.image().fs_type().empty();
}

bool IsReadOnly(v1::AccessMode mode) {
  return mode == v1::SINGLE_NODE_READER_ONLY || mode == v1::MULTI_NODE_READER_ONLY;
}

bool AllowsSeveralTargets(v1::AccessMode mode) { return mode == v1::SINGLE_NODE_MULTI_WRITER; }

bool SameCapability(const v1::VolumeCapability& a, const v1::VolumeCapability& b) {
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

host::FilesystemType ParseFilesystemType(absl::string_view name) {
  for (const host::FilesystemType type :
       {host::FilesystemType::kExt4, host::FilesystemType::kXfs, host::FilesystemType::kBtrfs}) {
    if (name == host::FilesystemName(type)) return type;
  }
  return host::FilesystemType::kOther;
}

}  // namespace nodevol::storage

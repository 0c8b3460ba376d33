// SPDX-License-Identifier: Apache-2.0
//
// Image volumes in use on the node: loop devices and mounts.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/btrfs.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/file_lock.h"
#include "host/filesystem.h"
#include "host/filesystem_tools.h"
#include "host/mount.h"
#include "host/privilege.h"
#include "storage/capability.h"
#include "storage/image_backend.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;

absl::Status StillInUse() {
  return absl::UnavailableError(
      "the image is still in use (a loop device or another process has it open), and attaching it "
      "twice would destroy it; retry when that has ended");
}

// An image with nobody else at it: one that is bound twice is a destroyed filesystem.
//
// A mount that this process has closed may end a moment later, and write while it ends: programs
// that other threads are just starting have copies of its descriptor until their exec. So this has
// some patience.
absl::StatusOr<UniqueFd> OpenSole(int object, int flags) {
  constexpr absl::Duration kPatience = absl::Seconds(2);
  constexpr absl::Duration kPause = absl::Milliseconds(5);
  ASSIGN_OR_RETURN(UniqueFd image, OpenImage(object, flags));
  const absl::Duration deadline = MonotonicNow() + kPatience;
  while (true) {
    ASSIGN_OR_RETURN(const bool sole, host::IsSoleOpener(image.get()));
    if (sole) return image;
    if (MonotonicNow() > deadline) return StillInUse();
    absl::SleepFor(kPause);
  }
}

// The filesystem was made by us and recorded; anything else in the image is damage, or a pod's
// doing on a device that it had raw, and is not for the kernel to parse.
absl::Status CheckFilesystem(int image, const std::string& fs_type) {
  ASSIGN_OR_RETURN(const std::string found, host::ProbeFilesystem(image));
  if (found == fs_type) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the image should hold ", fs_type, " but holds ",
                                          found.empty() ? "no filesystem" : found,
                                          "; restore the volume from a snapshot"));
}

// The mount option for the attribute `discard`.
host::FilesystemOption DiscardOption(FilesystemType type, const v1::VolumeRecord& record) {
  if (!record.attributes().discard()) return {"nodiscard", ""};
  return {"discard", type == FilesystemType::kBtrfs ? "async" : ""};
}

std::vector<host::FilesystemOption> MountOptions(FilesystemType type, const MountFlags& flags,
                                                 const v1::VolumeRecord& record) {
  std::vector<host::FilesystemOption> options = flags.filesystem;
  // Copies of a volume have its UUID, and XFS refuses to mount two of one.
  if (type == FilesystemType::kXfs) options.emplace_back("nouuid", "");
  // Said in any case, because btrfs would discard by itself; the class's own flags say it better.
  const bool said = absl::c_any_of(options, [](const host::FilesystemOption& option) {
    return option.first == "discard" || option.first == "nodiscard";
  });
  if (!said) options.push_back(DiscardOption(type, record));
  return options;
}

// A mount writes, and a write to a thin image may need a block of the pool.
absl::Status ExplainIfFull(int pool, const absl::Status& failed) {
  constexpr int64_t kFullBelow = kMiB;
  const absl::StatusOr<host::FilesystemUsage> usage = host::UsageOf(pool);
  if (!usage.ok() || usage->available_bytes >= kFullBelow) return failed;
  return absl::ResourceExhaustedError(
      absl::StrCat("the volume can't be mounted because its pool is full; free space in the pool's "
                   "filesystem (",
                   failed.message(), ")"));
}

// Grows the mounted filesystem to its device's size.
absl::Status GrowFilesystem(int mounted, FilesystemType type, int64_t bytes) {
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenDirectory(mounted, "."));
  const host::ScopedSysResource for_ext4;
  return host::GrowMounted(root.get(), type, bytes);
}

// `device` is the image while it is not mounted, its loop device (whose cache ext4 shares) while it
// is.
absl::StatusOr<bool> NeedsGrowth(int device, FilesystemType type, int64_t bytes) {
  if (type != FilesystemType::kExt4) return true;  // they see for themselves, at no cost
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, host::Ext4Size(device));
  return size.has_value() && *size < bytes;
}

}  // namespace

absl::StatusOr<std::optional<int>> LoopBeneath(int fd) {
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(fd));
  if (S_ISBLK(info.mode)) return host::LoopNumber(info.device_number);
  if (!S_ISDIR(info.mode)) return std::optional<int>();
  ASSIGN_OR_RETURN(const FilesystemType type, host::IdentifyFilesystem(fd));
  if (type != FilesystemType::kBtrfs) return host::LoopNumber(info.device);
  // btrfs shows device numbers of its own making.
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenDirectory(fd, "."));
  ASSIGN_OR_RETURN(const std::string path, host::BtrfsDevicePath(root.get()));
  ASSIGN_OR_RETURN(const host::FileInfo device, host::InspectPath(path));
  return host::LoopNumber(device.device_number);
}

absl::StatusOr<UniqueFd> ImageBackend::AttachAndMount(int image, const v1::VolumeRecord& record,
                                                      const MountFlags& flags) const {
  const std::string& fs_type = FilesystemTypeOf(record);
  ASSIGN_OR_RETURN(
      const host::LoopDevice loop,
      host::AttachLoop(image, {.autoclear = true, .sector_bytes = record.image().sector_bytes()}));
  absl::StatusOr<UniqueFd> mounted =
      host::NewMount(fs_type, loop.Path(), false,
                     MountOptions(ParseFilesystemType(fs_type), flags, record), flags.attributes);
  if (ErrnoOf(mounted.status()) == EIO) return ExplainIfFull(pool_.root(), mounted.status());
  return mounted;
}

absl::StatusOr<UniqueFd> ImageBackend::OpenMount(int object, const v1::VolumeRecord& record,
                                                 const MountFlags& flags) {
  const std::string& fs_type = FilesystemTypeOf(record);
  const FilesystemType type = ParseFilesystemType(fs_type);
  RETURN_IF_ERROR(ApplySize(object, record));
  ASSIGN_OR_RETURN(UniqueFd image, OpenSole(object, O_RDWR));
  RETURN_IF_ERROR(CheckFilesystem(image.get(), fs_type));
  ASSIGN_OR_RETURN(const bool grow, NeedsGrowth(image.get(), type, record.size_bytes()));
  // Growing writes: what is to be read-only becomes so afterwards, and nobody sees it before.
  MountFlags writable = flags;
  writable.attributes.read_only = false;
  ASSIGN_OR_RETURN(UniqueFd mounted, AttachAndMount(image.get(), record, writable));
  if (grow) {
    const absl::Status grown = GrowFilesystem(mounted.get(), type, record.size_bytes());
    if (type == FilesystemType::kExt4 && ErrnoOf(grown) == EPERM) {
      // Without CAP_SYS_RESOURCE ext4 grows only while it is not mounted.
      mounted.reset();
      log::Info("growing ext4 before it is mounted", {{"volume_id", record.id()}});
      // The loop device has this very descriptor's file: only another can tell when it has let go.
      image.reset();
      ASSIGN_OR_RETURN(image, OpenSole(object, O_RDWR));
      RETURN_IF_ERROR(host::GrowExt4Offline(image.get()));
      return AttachAndMount(image.get(), record, flags);
    }
    RETURN_IF_ERROR(grown);
  }
  if (flags.attributes.read_only) {
    RETURN_IF_ERROR(host::SetMountAttributes(mounted.get(), flags.attributes));
  }
  return mounted;
}

absl::StatusOr<host::LoopDevice> ImageBackend::AttachDevice(int object,
                                                            const v1::VolumeRecord& record,
                                                            bool read_only) {
  RETURN_IF_ERROR(ApplySize(object, record));
  // A read-only device may stand beside the one that writes: it can destroy nothing.
  ASSIGN_OR_RETURN(const UniqueFd image,
                   read_only ? OpenImage(object, O_RDONLY) : OpenSole(object, O_RDWR));
  return host::AttachLoop(image.get(),
                          {.read_only = read_only, .sector_bytes = record.image().sector_bytes()});
}

absl::StatusOr<bool> ImageBackend::Owns(int object, const v1::VolumeRecord&, int fd) {
  ASSIGN_OR_RETURN(const std::optional<int> number, LoopBeneath(fd));
  if (!number.has_value()) return false;
  ASSIGN_OR_RETURN(const host::LoopDevice loop, host::OpenLoop(*number, /*read_only=*/true));
  ASSIGN_OR_RETURN(const std::optional<host::LoopBacking> backing,
                   host::LoopBackingOf(loop.fd.get()));
  if (!backing.has_value()) return false;
  ASSIGN_OR_RETURN(const UniqueFd image, OpenImage(object, O_PATH));
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(image.get()));
  return info.device == backing->device && info.inode == backing->inode;
}

absl::StatusOr<VolumeUsage> ImageBackend::Usage(int, const v1::VolumeRecord& record, int fd) {
  VolumeUsage usage;
  if (IsBlock(record)) {
    usage.total_bytes = record.size_bytes();
    return usage;
  }
  ASSIGN_OR_RETURN(const host::FilesystemUsage filesystem, host::UsageOf(fd));
  usage.total_bytes = filesystem.total_bytes;
  usage.used_bytes = filesystem.total_bytes - filesystem.free_bytes;
  usage.available_bytes = filesystem.available_bytes;
  usage.inodes = {filesystem.total_inodes, filesystem.total_inodes - filesystem.free_inodes,
                  filesystem.free_inodes};
  return usage;
}

absl::Status ImageBackend::Flush(const v1::VolumeRecord& record, int fd) {
  absl::Status flushed;
  if (IsBlock(record)) {
    ASSIGN_OR_RETURN(const std::optional<int> number, LoopBeneath(fd));
    if (!number.has_value()) return absl::InternalError("the volume is not on a loop device");
    ASSIGN_OR_RETURN(const host::LoopDevice loop, host::OpenLoop(*number, /*read_only=*/true));
    flushed = host::Sync(loop.fd.get());
  } else {
    ASSIGN_OR_RETURN(const UniqueFd root, host::OpenDirectory(fd, "."));
    flushed = host::SyncFilesystem(root.get());
  }
  // Trouble of the filesystem inside is not the pool's: the errno stays here.
  return flushed.ok() ? flushed
                      : absl::InternalError(absl::StrCat("flush the volume: ", flushed.message()));
}

std::vector<HealthCondition> ImageBackend::HealthInUse(int, const v1::VolumeRecord& record,
                                                       int fd) {
  if (IsBlock(record)) return {};  // its content is the pod's
  // Through a writable mount of our own: what is still read-only is the filesystem itself.
  const absl::StatusOr<UniqueFd> own = host::CloneTree(fd);
  if (!own.ok() || !host::SetMountAttributes(own->get(), {}).ok()) return {};
  const absl::StatusOr<host::FilesystemUsage> usage = host::UsageOf(own->get());
  if (!usage.ok()) return {FilesystemShutDown(usage.status())};
  std::vector<HealthCondition> conditions;
  if (usage->read_only) {
    conditions.push_back({.status = HealthStatus::kDegraded,
                          .reason = kFilesystemReadOnly,
                          .message =
                              "the volume's filesystem has met an error and turned read-only; "
                              "end its pods, so that it is staged anew"});
  }
  const absl::StatusOr<std::optional<int>> loop = LoopBeneath(fd);
  if (!loop.ok() || !loop->has_value()) return conditions;
  if (const int64_t errors = host::Ext4ErrorCount(host::LoopName(**loop)); errors > 0) {
    conditions.push_back({.status = HealthStatus::kDegraded,
                          .reason = kFilesystemErrors,
                          .message = absl::StrCat("the volume's ext4 has met ", errors,
                                                  " errors; check it with e2fsck when it is staged "
                                                  "nowhere, or restore it from a snapshot")});
  }
  return conditions;
}

absl::Status ImageBackend::CheckUnused(int object) { return OpenSole(object, O_RDONLY).status(); }

absl::Status ImageBackend::ApplyAttributesInUse(const v1::VolumeRecord& record, int fd) {
  const FilesystemType type = ParseFilesystemType(FilesystemTypeOf(record));
  // XFS takes the option only when it is mounted. Until then what a pod has freed is looked for
  // every minute (storage/discard.h).
  if (IsBlock(record) || type == FilesystemType::kXfs) return absl::OkStatus();
  return host::ReconfigureFilesystem(fd, {DiscardOption(type, record)});
}

absl::Status ImageBackend::GrowInUse(int object, const v1::VolumeRecord& record, int fd) {
  RETURN_IF_ERROR(ApplySize(object, record));
  ASSIGN_OR_RETURN(const std::optional<int> number, LoopBeneath(fd));
  if (!number.has_value()) return absl::InternalError("the volume is not on a loop device");
  ASSIGN_OR_RETURN(const host::LoopDevice loop, host::OpenLoop(*number, /*read_only=*/true));
  RETURN_IF_ERROR(host::RefreshLoopSize(loop.fd.get()));
  if (IsBlock(record)) return absl::OkStatus();
  const FilesystemType type = ParseFilesystemType(FilesystemTypeOf(record));
  ASSIGN_OR_RETURN(const bool grow, NeedsGrowth(loop.fd.get(), type, record.size_bytes()));
  if (!grow) return absl::OkStatus();
  // The mount at fd may be a reader's: through one of our own the filesystem can be written to.
  ASSIGN_OR_RETURN(const UniqueFd writable, host::CloneTree(fd));
  RETURN_IF_ERROR(host::SetMountAttributes(writable.get(), {}));
  const absl::Status grown = GrowFilesystem(writable.get(), type, record.size_bytes());
  if (ErrnoOf(grown) == EPERM) {
    return absl::FailedPreconditionError(
        "ext4 can't grow while it is mounted, because the driver has no CAP_SYS_RESOURCE; the "
        "filesystem will have its new size when the volume is staged next: restart its pods, or "
        "give the driver the capability");
  }
  return grown;
}

}  // namespace nodevol::storage

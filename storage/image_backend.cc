// SPDX-License-Identifier: Apache-2.0
//
// The content of image volumes. Their use on the node is in image_attach.cc.
#include "storage/image_backend.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/btrfs.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/filesystem_tools.h"
#include "host/mount.h"
#include "storage/capability.h"
#include "storage/layout.h"
#include "storage/mkfs_options.h"

namespace nodevol::storage {
namespace {

constexpr uint32_t kFilesystemSector = 4096;
// Partition tables and virtual machines' disks count in these.
constexpr uint32_t kBlockSector = 512;

absl::Status NotAPointInTime() {
  return absl::FailedPreconditionError(
      "the volume is in use and its pool's filesystem can't share blocks between files, so a copy "
      "would be no point in time; stop its pods and retry, or keep such volumes in a pool on xfs "
      "(with reflink) or btrfs");
}

// Gives the new filesystem in `image` its root directory's owner and mode, through a mount that
// nobody else sees and that a crash takes along.
absl::Status SetUpRootDirectory(int image, const std::string& fs_type, uint32_t sector_bytes,
                                const RootDirectory& root) {
  ASSIGN_OR_RETURN(const host::LoopDevice loop,
                   host::AttachLoop(image, {.autoclear = true, .sector_bytes = sector_bytes}));
  ASSIGN_OR_RETURN(const UniqueFd mounted, host::NewMount(fs_type, loop.Path(), false, {}, {}));
  ASSIGN_OR_RETURN(const UniqueFd directory, host::OpenDirectory(mounted.get(), "."));
  // An empty volume is what initdb and its kind insist on; e2fsck makes it again when it needs it.
  const absl::Status removed = host::RemoveDirectory(directory.get(), "lost+found");
  if (!removed.ok() && ErrnoOf(removed) != ENOENT) return removed;
  if (::fchown(directory.get(), root.uid, root.gid) != 0 ||
      ::fchmod(directory.get(), root.mode) != 0) {
    return ErrnoStatus(errno, "set the owner and mode of the root directory");
  }
  return host::SyncFilesystem(directory.get());
}

}  // namespace

absl::StatusOr<UniqueFd> OpenImage(int object, int flags) {
  absl::StatusOr<UniqueFd> image = host::OpenBeneath(object, kImageFile, flags);
  if (ErrnoOf(image.status()) != ENOENT) return image;
  return host::OpenBeneath(object, absl::StrCat(kImageSubvolume, "/", kImageFile), flags);
}

absl::Status ImageBackend::Describe(const VolumeSpec& spec, v1::VolumeRecord& record) {
  v1::ImageContent& image = *record.mutable_image();
  image.set_thick(spec.thick);
  if (spec.block) {
    image.set_sector_bytes(pool_.direct_io_alignment() > kBlockSector ? kFilesystemSector
                                                                      : kBlockSector);
  } else {
    image.set_fs_type(spec.ImageFilesystem());
    image.set_sector_bytes(kFilesystemSector);
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> ImageBackend::NewImage(int object, bool thick) const {
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL;
  if (pool_.filesystem() != host::FilesystemType::kBtrfs) {
    return host::OpenBeneath(object, kImageFile, kFlags, kFileMode);
  }
  RETURN_IF_ERROR(host::CreateSubvolume(object, kImageSubvolume));
  ASSIGN_OR_RETURN(const UniqueFd subvolume, host::OpenDirectory(object, kImageSubvolume));
  ASSIGN_OR_RETURN(UniqueFd image,
                   host::OpenBeneath(subvolume.get(), kImageFile, kFlags, kFileMode));
  // Copy-on-write would take a new block for every rewrite, and a thick volume would fail on a full
  // pool after all.
  if (thick) RETURN_IF_ERROR(host::DisableCopyOnWrite(image.get()));
  return image;
}

absl::Status ImageBackend::Create(int object, const v1::VolumeRecord& record,
                                  const VolumeSpec& spec) {
  ASSIGN_OR_RETURN(const UniqueFd image, NewImage(object, record.image().thick()));
  RETURN_IF_ERROR(ApplySize(object, record));
  const std::string& fs_type = record.image().fs_type();
  if (!fs_type.empty()) {
    const host::FilesystemType type = ParseFilesystemType(fs_type);
    ASSIGN_OR_RETURN(const std::vector<std::string> options,
                     ParseMkfsOptions(type, spec.mkfs_options));
    RETURN_IF_ERROR(host::MakeFilesystem(image.get(), type, options));
    RETURN_IF_ERROR(
        SetUpRootDirectory(image.get(), fs_type, record.image().sector_bytes(), spec.root));
  }
  return absl::OkStatus();
}

absl::Status ImageBackend::Copy(const CopySource& source, const CopyTarget& target) {
  if (pool_.filesystem() == host::FilesystemType::kBtrfs) {
    const absl::StatusOr<UniqueFd> subvolume = host::OpenDirectory(source.object, kImageSubvolume);
    if (subvolume.ok()) {
      const absl::Status copied = host::SnapshotSubvolume(subvolume->get(), target.object,
                                                          kImageSubvolume, target.read_only);
      if (ErrnoOf(copied) != EXDEV) return copied;  // EXDEV: it is in another pool
    }
  }
  ASSIGN_OR_RETURN(const UniqueFd from, OpenImage(source.object, O_RDONLY));
  ASSIGN_OR_RETURN(const UniqueFd to, NewImage(target.object, /*thick=*/false));
  absl::Status copied = host::Reflink(from.get(), to.get());
  if (host::CannotShare(copied)) {
    if (source.in_use) return NotAPointInTime();
    copied = host::CopySparse(from.get(), to.get());
  }
  return copied;
}

absl::Status ImageBackend::CheckLiveCopy() const {
  return pool_.reflink() ? absl::OkStatus() : NotAPointInTime();
}

absl::Status ImageBackend::ApplySize(int object, const v1::VolumeRecord& record) {
  ASSIGN_OR_RETURN(const UniqueFd image, OpenImage(object, O_RDWR));
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(image.get()));
  if (info.size_bytes >= record.size_bytes()) return absl::OkStatus();
  if (record.image().thick()) {
    return host::Allocate(image.get(), record.size_bytes(), /*keep_size=*/false);
  }
  return host::SetFileSize(image.get(), record.size_bytes());
}

absl::Status ImageBackend::SyncContent(int object) {
  ASSIGN_OR_RETURN(const UniqueFd image, OpenImage(object, O_RDONLY));
  RETURN_IF_ERROR(host::Sync(image.get()));
  // The subvolume around the image is no part of what fsync writes.
  if (pool_.filesystem() != host::FilesystemType::kBtrfs) return absl::OkStatus();
  return host::CommitTransaction(image.get());
}

absl::Status ImageBackend::PrepareGrowth(int object, const v1::VolumeRecord& record) {
  if (!record.image().thick()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const UniqueFd image, OpenImage(object, O_RDWR));
  const absl::Status allocated =
      host::Allocate(image.get(), record.size_bytes(), /*keep_size=*/true);
  if (!allocated.ok()) {
    // Blocks beyond the end that an interrupted fallocate left go with a truncation to the same
    // size.
    ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(image.get()));
    RETURN_IF_ERROR(host::SetFileSize(image.get(), info.size_bytes));
  }
  return allocated;
}

absl::StatusOr<int64_t> ImageBackend::WrittenBytes(int object, const v1::DirectoryContent&) {
  // By name: an open descriptor would look like a user of the image to whoever attaches it now.
  absl::StatusOr<host::FileInfo> info = host::InspectAt(object, kImageFile);
  if (ErrnoOf(info.status()) == ENOENT) {
    ASSIGN_OR_RETURN(const UniqueFd subvolume, host::OpenDirectory(object, kImageSubvolume));
    info = host::InspectAt(subvolume.get(), kImageFile);
  }
  RETURN_IF_ERROR(info.status());
  return info->allocated_bytes;
}

}  // namespace nodevol::storage

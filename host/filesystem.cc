// SPDX-License-Identifier: Apache-2.0
#include "host/filesystem.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/file_data.h"

#include <xfs/xfs.h>

namespace nodevol::host {
namespace {

constexpr size_t kUuidBytes = 16;

// FS_IOC_GETFSUUID, Linux 6.9: newer than the headers that we build with.
struct GenericUuid {
  uint8_t length;
  std::array<uint8_t, kUuidBytes> uuid;
};
constexpr unsigned long kGetFsUuid = _IOR(0x15, 0, GenericUuid);

// EXT4_IOC_GETFSUUID, Linux 5.19; with its flexible array given a size.
struct Ext4Uuid {
  uint32_t length;
  uint32_t flags;
  std::array<uint8_t, kUuidBytes> uuid;
};
constexpr unsigned long kExt4GetFsUuid = _IOR('f', 44, uint64_t);

std::string Hex(const uint8_t* uuid) {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(uuid), kUuidBytes));
}

int64_t ToBytes(uint64_t blocks, uint64_t block_size) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (block_size != 0 && blocks > kMax / block_size) return static_cast<int64_t>(kMax);
  return static_cast<int64_t>(blocks * block_size);
}

// A signal may end the wait for the filesystem before anything was done.
int IoctlUninterrupted(int fd, unsigned long request) {
  int result = 0;
  do {
    result = ::ioctl(fd, request, 0);
  } while (result != 0 && errno == EINTR);
  return result;
}

}  // namespace

absl::string_view FilesystemName(FilesystemType type) {
  switch (type) {
    case FilesystemType::kExt4:
      return "ext4";
    case FilesystemType::kXfs:
      return "xfs";
    case FilesystemType::kBtrfs:
      return "btrfs";
    case FilesystemType::kOther:
      return "other";
  }
  return "other";
}

absl::StatusOr<FilesystemType> IdentifyFilesystem(int fd) {
  struct statfs raw = {};
  if (::fstatfs(fd, &raw) != 0) return ErrnoStatus(errno, "statfs");
  switch (static_cast<uint64_t>(raw.f_type)) {
    case EXT4_SUPER_MAGIC:
      return FilesystemType::kExt4;
    case XFS_SUPER_MAGIC:
      return FilesystemType::kXfs;
    case BTRFS_SUPER_MAGIC:
      return FilesystemType::kBtrfs;
    default:
      return FilesystemType::kOther;
  }
}

absl::StatusOr<FilesystemUsage> UsageOf(int fd) {
  struct statvfs raw = {};
  if (::fstatvfs(fd, &raw) != 0) return ErrnoStatus(errno, "statvfs");
  FilesystemUsage usage;
  usage.total_bytes = ToBytes(raw.f_blocks, raw.f_frsize);
  usage.free_bytes = ToBytes(raw.f_bfree, raw.f_frsize);
  usage.available_bytes = ToBytes(raw.f_bavail, raw.f_frsize);
  usage.total_inodes = ToBytes(raw.f_files, 1);
  usage.free_inodes = ToBytes(raw.f_ffree, 1);
  usage.read_only = (raw.f_flag & ST_RDONLY) != 0;
  return usage;
}

absl::StatusOr<std::string> FilesystemUuid(int fd) {
  GenericUuid generic = {};
  if (::ioctl(fd, kGetFsUuid, &generic) == 0 && generic.length == kUuidBytes) {
    return Hex(generic.uuid.data());
  }
  ASSIGN_OR_RETURN(const FilesystemType type, IdentifyFilesystem(fd));
  switch (type) {
    case FilesystemType::kExt4: {
      Ext4Uuid ext4 = {};
      ext4.length = kUuidBytes;
      if (::ioctl(fd, kExt4GetFsUuid, &ext4) == 0) return Hex(ext4.uuid.data());
      break;
    }
    case FilesystemType::kXfs: {
      struct xfs_fsop_geom geometry = {};
      if (::ioctl(fd, XFS_IOC_FSGEOMETRY, &geometry) == 0) return Hex(geometry.uuid);
      break;
    }
    case FilesystemType::kBtrfs: {
      struct btrfs_ioctl_fs_info_args info = {};
      if (::ioctl(fd, BTRFS_IOC_FS_INFO, &info) == 0) return Hex(info.fsid);
      break;
    }
    case FilesystemType::kOther:
      break;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("this ", FilesystemName(type), " filesystem does not tell its UUID"));
}

absl::StatusOr<bool> SupportsReflink(int directory) {
  const auto temporary = [directory]() -> absl::StatusOr<UniqueFd> {
    const int fd = ::openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return ErrnoStatus(errno, "open a temporary file");
    return UniqueFd(fd);
  };
  ASSIGN_OR_RETURN(const UniqueFd source, temporary());
  ASSIGN_OR_RETURN(const UniqueFd target, temporary());
  return Reflink(source.get(), target.get()).ok();
}

uint32_t DirectIoAlignment(int fd) {
  struct statx raw = {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &raw) != 0) return 0;
  if ((raw.stx_mask & STATX_DIOALIGN) == 0) return 0;
  return raw.stx_dio_offset_align;
}

absl::Status Trim(int fd) {
  fstrim_range everything = {.start = 0, .len = std::numeric_limits<uint64_t>::max(), .minlen = 0};
  if (::ioctl(fd, FITRIM, &everything) != 0) return ErrnoStatus(errno, "trim the filesystem");
  return absl::OkStatus();
}

int64_t Ext4ErrorCount(absl::string_view device) {
  constexpr size_t kMaxDigits = 32;
  const absl::StatusOr<UniqueFd> directory =
      OpenPath(absl::StrCat("/sys/fs/ext4/", device), O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) return 0;
  const absl::StatusOr<std::string> text = ReadFile(directory->get(), "errors_count", kMaxDigits);
  int64_t count = 0;
  // An older kernel has no such file.
  return text.ok() && absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &count) ? count : 0;
}

absl::Status Freeze(int fd) {
  if (IoctlUninterrupted(fd, FIFREEZE) != 0) return ErrnoStatus(errno, "freeze the filesystem");
  return absl::OkStatus();
}

absl::StatusOr<bool> Thaw(int fd) {
  if (IoctlUninterrupted(fd, FITHAW) == 0) return true;
  // EINVAL: it is not frozen (ioctl_fsfreeze in the kernel).
  if (errno == EINVAL) return false;
  return ErrnoStatus(errno, "thaw the filesystem");
}

}  // namespace nodevol::host

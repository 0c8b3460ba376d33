// SPDX-License-Identifier: Apache-2.0
#include "host/filesystem_tools.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "blkid/blkid.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/btrfs.h"
#include "host/spawn.h"

#include <xfs/xfs.h>

namespace nodevol::host {
namespace {

constexpr absl::Duration kMkfsTimeout = absl::Minutes(2);
constexpr absl::Duration kRepairTimeout = absl::Minutes(30);
constexpr unsigned long kExt4ResizeFs = _IOW('f', 16, uint64_t);  // EXT4_IOC_RESIZE_FS

constexpr char kE2fsck[] = "/usr/sbin/e2fsck";
constexpr char kResize2fs[] = "/usr/sbin/resize2fs";

constexpr off_t kExt4SuperblockOffset = 1024;
constexpr uint16_t kExt4Magic = EXT4_SUPER_MAGIC;

uint32_t Le32(const unsigned char* at) {
  return static_cast<uint32_t>(at[0]) | (static_cast<uint32_t>(at[1]) << 8) |
         (static_cast<uint32_t>(at[2]) << 16) | (static_cast<uint32_t>(at[3]) << 24);
}

std::vector<std::string> MkfsCommand(FilesystemType type) {
  switch (type) {
    case FilesystemType::kExt4:
      // The image is new, so its holes are zeroes already: no table is written, now or by the
      // kernel's lazy initialiser later. No block is kept for root: the volume is the pod's.
      return {"/usr/sbin/mkfs.ext4",
              "-q",
              "-F",
              "-b",
              "4096",
              "-m",
              "0",
              "-E",
              "nodiscard,assume_storage_prezeroed=1"};
    case FilesystemType::kXfs:
      return {"/usr/sbin/mkfs.xfs", "-q", "-K", "-s", "size=4096"};
    case FilesystemType::kBtrfs:
      return {"/usr/sbin/mkfs.btrfs", "-q", "-K"};
    case FilesystemType::kOther:
      break;
  }
  return {};
}

absl::Status GrowXfs(int mounted, int64_t bytes) {
  struct xfs_fsop_geom geometry = {};
  if (::ioctl(mounted, XFS_IOC_FSGEOMETRY, &geometry) != 0) {
    return ErrnoStatus(errno, "ask XFS for its geometry");
  }
  const uint64_t blocks = static_cast<uint64_t>(bytes) / geometry.blocksize;
  if (geometry.datablocks >= blocks) return absl::OkStatus();
  struct xfs_growfs_data grow = {};
  grow.newblocks = blocks;
  grow.imaxpct = geometry.imaxpct;
  if (::ioctl(mounted, XFS_IOC_FSGROWFSDATA, &grow) != 0) return ErrnoStatus(errno, "grow XFS");
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> ProgramsFor(FilesystemType type) {
  const std::vector<std::string> mkfs = MkfsCommand(type);
  if (mkfs.empty()) return {};
  if (type == FilesystemType::kExt4) return {mkfs.front(), kE2fsck, kResize2fs};
  return {mkfs.front()};
}

int64_t MinimumFilesystemBytes(FilesystemType type) {
  switch (type) {
    case FilesystemType::kExt4:
      return 16 * kMiB;  // below about 8 MiB mkfs leaves the journal out
    case FilesystemType::kXfs:
      return 300 * kMiB;  // mkfs.xfs refuses less
    case FilesystemType::kBtrfs:
      return 256 * kMiB;  // mkfs.btrfs takes 109 MiB, but the kernel grows none to less than this
    case FilesystemType::kOther:
      break;
  }
  return 0;
}

absl::Status MakeFilesystem(int fd, FilesystemType type, const std::vector<std::string>& options) {
  std::vector<std::string> command = MkfsCommand(type);
  if (command.empty()) return absl::InvalidArgumentError("no mkfs for this filesystem type");
  command.insert(command.end(), options.begin(), options.end());
  command.emplace_back(kSpawnFilePath);
  return Run(command, fd, kMkfsTimeout);
}

absl::StatusOr<std::string> ProbeFilesystem(int fd) {
  const std::unique_ptr<blkid_struct_probe, void (*)(blkid_probe)> probe(blkid_new_probe(),
                                                                         blkid_free_probe);
  if (probe == nullptr) return ErrnoStatus(ENOMEM, "probe the filesystem");
  if (blkid_probe_set_device(probe.get(), fd, 0, 0) != 0) {
    return absl::InternalError("libblkid can't read the image");
  }
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE);
  const int result = blkid_do_safeprobe(probe.get());
  if (result == 1) return std::string();
  if (result == -2) {
    return absl::FailedPreconditionError("the image carries more than one filesystem signature");
  }
  if (result != 0) return absl::InternalError("libblkid failed to read the image");
  const char* type = nullptr;
  if (blkid_probe_lookup_value(probe.get(), "TYPE", &type, nullptr) != 0) return std::string();
  return std::string(type);
}

absl::StatusOr<std::optional<int64_t>> Ext4Size(int fd) {
  // Offsets of struct ext4_super_block: s_blocks_count_lo 0x4, s_log_block_size 0x18, s_magic 0x38,
  // s_feature_incompat 0x60, s_blocks_count_hi 0x150.
  std::array<unsigned char, 1024> block = {};
  const ssize_t got = ::pread(fd, block.data(), block.size(), kExt4SuperblockOffset);
  if (got < 0) return ErrnoStatus(errno, "read the superblock");
  if (got != static_cast<ssize_t>(block.size())) return std::optional<int64_t>();
  if ((Le32(&block[0x38]) & 0xffff) != kExt4Magic) return std::optional<int64_t>();
  constexpr uint32_t kIncompat64Bit = 0x80;
  uint64_t blocks = Le32(&block[0x4]);
  if ((Le32(&block[0x60]) & kIncompat64Bit) != 0) {
    blocks |= static_cast<uint64_t>(Le32(&block[0x150])) << 32;
  }
  const uint32_t log_block_size = Le32(&block[0x18]);
  if (log_block_size > 6) return std::optional<int64_t>();
  return std::optional<int64_t>(static_cast<int64_t>(blocks << (10 + log_block_size)));
}

absl::Status GrowExt4Offline(int fd) {
  // resize2fs insists on a checked filesystem. 1: errors were found and corrected (e2fsck(8)).
  RETURN_IF_ERROR(Run({kE2fsck, "-f", "-p", kSpawnFilePath}, fd, kRepairTimeout, {0, 1}));
  return Run({kResize2fs, kSpawnFilePath}, fd, kRepairTimeout);
}

absl::Status GrowMounted(int mounted, FilesystemType type, int64_t bytes) {
  switch (type) {
    case FilesystemType::kExt4: {
      uint64_t blocks = static_cast<uint64_t>(bytes) / 4096;
      if (::ioctl(mounted, kExt4ResizeFs, &blocks) != 0) return ErrnoStatus(errno, "grow ext4");
      return absl::OkStatus();
    }
    case FilesystemType::kXfs:
      return GrowXfs(mounted, bytes);
    case FilesystemType::kBtrfs:
      return GrowBtrfs(mounted);
    case FilesystemType::kOther:
      break;
  }
  return absl::InvalidArgumentError("this filesystem type can't grow");
}

}  // namespace nodevol::host

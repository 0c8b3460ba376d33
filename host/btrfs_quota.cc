// SPDX-License-Identifier: Apache-2.0
#include "host/btrfs_quota.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/btrfs_search.h"
#include "host/file.h"
#include "host/filesystem.h"

#include <endian.h>

namespace nodevol::host {
namespace {

constexpr uint64_t kEnableSimpleQuota = 4;  // BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA, Linux 6.7
constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();
constexpr size_t kSysfsFileBytes = 4096;

std::string Name(QuotaGroupId group) { return absl::StrCat(group.level, "/", group.id); }

int64_t Clamp(uint64_t value) {
  return static_cast<int64_t>(std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
}

// The fields of these items are little-endian on the disk.
int64_t UsedBytes(absl::string_view item) {
  btrfs_qgroup_info_item info = {};
  if (item.size() < sizeof(info)) return 0;
  std::memcpy(&info, item.data(), sizeof(info));
  return Clamp(le64toh(info.rfer));
}

std::optional<int64_t> LimitBytes(absl::string_view item) {
  btrfs_qgroup_limit_item limit = {};
  if (item.size() < sizeof(limit)) return std::nullopt;
  std::memcpy(&limit, item.data(), sizeof(limit));
  if ((le64toh(limit.flags) & BTRFS_QGROUP_LIMIT_MAX_RFER) == 0) return std::nullopt;
  return Clamp(le64toh(limit.max_rfer));
}

absl::Status Assign(int fd, QuotaGroupId member, QuotaGroupId parent, bool add) {
  btrfs_ioctl_qgroup_assign_args args = {};
  args.assign = add ? 1 : 0;
  args.src = member.Packed();
  args.dst = parent.Packed();
  // 1 means that full quotas would want a rescan.
  if (::ioctl(fd, BTRFS_IOC_QGROUP_ASSIGN, &args) >= 0) return absl::OkStatus();
  if (add ? errno == EEXIST : errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat(add ? "put" : "take", " quota group ", Name(member),
                                         add ? " into " : " out of ", Name(parent)));
}

// /sys/fs/btrfs names filesystems by UUID with dashes.
std::string SysfsDirectory(absl::string_view uuid) {
  return absl::StrCat("/sys/fs/btrfs/", uuid.substr(0, 8), "-", uuid.substr(8, 4), "-",
                      uuid.substr(12, 4), "-", uuid.substr(16, 4), "-", uuid.substr(20, 12));
}

}  // namespace

absl::StatusOr<BtrfsQuotaMode> GetBtrfsQuotaMode(int fd) {
  ASSIGN_OR_RETURN(const std::string uuid, FilesystemUuid(fd));
  const absl::StatusOr<UniqueFd> directory =
      OpenPath(absl::StrCat(SysfsDirectory(uuid), "/qgroups"), O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) {
    if (ErrnoOf(directory.status()) == ENOENT) return BtrfsQuotaMode::kNone;
    return directory.status();
  }
  ASSIGN_OR_RETURN(const std::string enabled,
                   ReadFile(directory->get(), "enabled", kSysfsFileBytes));
  if (absl::StripAsciiWhitespace(enabled) != "1") return BtrfsQuotaMode::kNone;
  const absl::StatusOr<std::string> mode = ReadFile(directory->get(), "mode", kSysfsFileBytes);
  // Kernels before simple quotas have no such file.
  if (!mode.ok()) return BtrfsQuotaMode::kFull;
  return absl::StripAsciiWhitespace(*mode) == "squota" ? BtrfsQuotaMode::kSimple
                                                       : BtrfsQuotaMode::kFull;
}

absl::Status EnableSimpleQuotas(int fd) {
  ASSIGN_OR_RETURN(const BtrfsQuotaMode mode, GetBtrfsQuotaMode(fd));
  if (mode == BtrfsQuotaMode::kSimple) return absl::OkStatus();
  if (mode == BtrfsQuotaMode::kFull) {
    return absl::FailedPreconditionError(
        "this btrfs has full quotas enabled, under which deletes crawl and nested subvolumes "
        "escape the limit; run `btrfs quota disable PATH` to let the driver enable simple quotas");
  }
  btrfs_ioctl_quota_ctl_args args = {};
  args.cmd = kEnableSimpleQuota;
  if (::ioctl(fd, BTRFS_IOC_QUOTA_CTL, &args) == 0) return absl::OkStatus();
  if (errno == EINVAL || errno == EOPNOTSUPP) {
    return absl::FailedPreconditionError(
        "this kernel has no simple quotas for btrfs; they need Linux 6.7 or newer");
  }
  return ErrnoStatus(errno, "enable simple quotas");
}

absl::Status CreateQuotaGroup(int fd, QuotaGroupId group) {
  btrfs_ioctl_qgroup_create_args args = {};
  args.create = 1;
  args.qgroupid = group.Packed();
  if (::ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, absl::StrCat("create quota group ", Name(group)));
  }
  return absl::OkStatus();
}

absl::Status RemoveQuotaGroup(int fd, QuotaGroupId group) {
  btrfs_ioctl_qgroup_create_args args = {};
  args.qgroupid = group.Packed();
  if (::ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, absl::StrCat("remove quota group ", Name(group)));
  }
  return absl::OkStatus();
}

absl::Status AddToQuotaGroup(int fd, QuotaGroupId member, QuotaGroupId parent) {
  return Assign(fd, member, parent, true);
}

absl::Status TakeFromQuotaGroup(int fd, QuotaGroupId member, QuotaGroupId parent) {
  return Assign(fd, member, parent, false);
}

absl::Status SetQuotaLimit(int fd, QuotaGroupId group, std::optional<int64_t> bytes) {
  btrfs_ioctl_qgroup_limit_args args = {};
  args.qgroupid = group.Packed();
  args.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
  // The all-ones value clears a limit (qgroup_limit in the kernel).
  args.lim.max_rfer = bytes.has_value() ? static_cast<uint64_t>(*bytes) : kMax64;
  if (::ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) != 0) {
    return ErrnoStatus(errno, absl::StrCat("limit quota group ", Name(group)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<QuotaGroupUsage>> GetQuotaGroup(int fd, QuotaGroupId group) {
  std::optional<QuotaGroupUsage> usage;
  const uint64_t packed = group.Packed();
  RETURN_IF_ERROR(SearchTree(fd, BTRFS_QUOTA_TREE_OBJECTID, {0, BTRFS_QGROUP_INFO_KEY, packed},
                             {0, BTRFS_QGROUP_INFO_KEY, packed},
                             [&usage](const BtrfsKey&, absl::string_view item) {
                               usage.emplace().used_bytes = UsedBytes(item);
                               return false;
                             }));
  if (!usage.has_value()) return usage;
  RETURN_IF_ERROR(SearchTree(fd, BTRFS_QUOTA_TREE_OBJECTID, {0, BTRFS_QGROUP_LIMIT_KEY, packed},
                             {0, BTRFS_QGROUP_LIMIT_KEY, packed},
                             [&usage](const BtrfsKey&, absl::string_view item) {
                               usage->limit_bytes = LimitBytes(item);
                               return false;
                             }));
  return usage;
}

absl::StatusOr<std::vector<QuotaGroupId>> QuotaGroupMembers(int fd, QuotaGroupId group) {
  std::vector<QuotaGroupId> members;
  const uint64_t packed = group.Packed();
  // Relations are kept both ways: (parent, member) and (member, parent).
  RETURN_IF_ERROR(SearchTree(fd, BTRFS_QUOTA_TREE_OBJECTID, {packed, BTRFS_QGROUP_RELATION_KEY, 0},
                             {packed, BTRFS_QGROUP_RELATION_KEY, kMax64},
                             [&](const BtrfsKey& key, absl::string_view) {
                               const QuotaGroupId other = QuotaGroupId::Unpack(key.offset);
                               if (other.level < group.level) members.push_back(other);
                               return true;
                             }));
  return members;
}

absl::Status ForEachQuotaGroup(
    int fd, absl::FunctionRef<void(QuotaGroupId, const QuotaGroupUsage&)> visit) {
  absl::flat_hash_map<uint64_t, QuotaGroupUsage> groups;
  RETURN_IF_ERROR(SearchTree(fd, BTRFS_QUOTA_TREE_OBJECTID, {0, BTRFS_QGROUP_INFO_KEY, 0},
                             {0, BTRFS_QGROUP_LIMIT_KEY, kMax64},
                             [&groups](const BtrfsKey& key, absl::string_view item) {
                               if (key.type == BTRFS_QGROUP_INFO_KEY) {
                                 groups[key.offset].used_bytes = UsedBytes(item);
                               } else if (key.type == BTRFS_QGROUP_LIMIT_KEY) {
                                 groups[key.offset].limit_bytes = LimitBytes(item);
                               }
                               return true;
                             }));
  for (const auto& [packed, usage] : groups) visit(QuotaGroupId::Unpack(packed), usage);
  return absl::OkStatus();
}

}  // namespace nodevol::host

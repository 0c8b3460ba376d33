// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_BTRFS_QUOTA_H_
#define NODEVOL_HOST_BTRFS_QUOTA_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "host/btrfs.h"

// btrfs quota groups by ioctl. Group "level/id" is (level << 48) | id; 0/id belongs to the
// subvolume with that id and comes and goes with it. `fd` is any file of the filesystem, open for
// reading.
namespace nodevol::host {

enum class BtrfsQuotaMode { kNone, kFull, kSimple };

struct QuotaGroupId {
  uint16_t level = 0;
  uint64_t id = 0;

  [[nodiscard]] uint64_t Packed() const { return (static_cast<uint64_t>(level) << 48) | id; }
  static QuotaGroupId Unpack(uint64_t packed) {
    return {static_cast<uint16_t>(packed >> 48), packed & ((uint64_t{1} << 48) - 1)};
  }
};

struct QuotaGroupUsage {
  int64_t used_bytes = 0;              // as of the last committed transaction
  std::optional<int64_t> limit_bytes;  // of what the group refers to
};

// From /sys/fs/btrfs/UUID/qgroups: what the kernel enforces now.
absl::StatusOr<BtrfsQuotaMode> GetBtrfsQuotaMode(int fd);
// Turns simple quotas on (Linux >= 6.7). FAILED_PRECONDITION, with the reason, on an older kernel
// and on a filesystem that was made to use full ones.
absl::Status EnableSimpleQuotas(int fd);

// OK when it exists already.
absl::Status CreateQuotaGroup(int fd, QuotaGroupId group);
// OK when there is none; errno EBUSY while it has members or is charged for data.
absl::Status RemoveQuotaGroup(int fd, QuotaGroupId group);
// Puts `member` into `parent`, or takes it out; OK when that is so already.
absl::Status AddToQuotaGroup(int fd, QuotaGroupId member, QuotaGroupId parent);
absl::Status TakeFromQuotaGroup(int fd, QuotaGroupId member, QuotaGroupId parent);
// nullopt: no limit.
absl::Status SetQuotaLimit(int fd, QuotaGroupId group, std::optional<int64_t> bytes);

// nullopt when there is no such group.
absl::StatusOr<std::optional<QuotaGroupUsage>> GetQuotaGroup(int fd, QuotaGroupId group);
// The members of a group, one level below.
absl::StatusOr<std::vector<QuotaGroupId>> QuotaGroupMembers(int fd, QuotaGroupId group);
// Every group of the filesystem in one pass.
absl::Status ForEachQuotaGroup(int fd,
                               absl::FunctionRef<void(QuotaGroupId, const QuotaGroupUsage&)> visit);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_BTRFS_QUOTA_H_

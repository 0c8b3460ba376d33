// SPDX-License-Identifier: Apache-2.0
#include "host/project_quota.h"

#include <linux/dqblk_xfs.h>
#include <linux/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"

namespace nodevol::host {
namespace {

constexpr int64_t kBlockBytes = 512;  // the unit of struct fs_disk_quota, whatever the filesystem

int Call(int fd, unsigned command, uint32_t id, void* argument) {
  // QCMD() of the headers shifts a signed number.
  constexpr unsigned kTypeBits = 8;
  return static_cast<int>(
      syscall(SYS_quotactl_fd, fd, (command << kTypeBits) | XQM_PRJQUOTA, id, argument));
}

int64_t Clamp(uint64_t value, int64_t unit) {
  const uint64_t most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max() / unit);
  return static_cast<int64_t>(std::min(value, most)) * unit;
}

ProjectQuota ToQuota(const struct fs_disk_quota& raw) {
  return {.id = raw.d_id,
          .limits = {.bytes = Clamp(raw.d_blk_hardlimit, kBlockBytes),
                     .inodes = Clamp(raw.d_ino_hardlimit, 1)},
          .used_bytes = Clamp(raw.d_bcount, kBlockBytes),
          .used_inodes = Clamp(raw.d_icount, 1)};
}

}  // namespace

absl::StatusOr<ProjectQuotaState> GetProjectQuotaState(int fd) {
  struct fs_quota_statv state = {};
  state.qs_version = FS_QSTATV_VERSION1;
  if (Call(fd, Q_XGETQSTATV, 0, &state) == 0) {
    return ProjectQuotaState{.accounting = (state.qs_flags & FS_QUOTA_PDQ_ACCT) != 0,
                             .enforcement = (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0};
  }
  for (const int none : {ENOSYS, EINVAL, EOPNOTSUPP, ESRCH}) {
    if (errno == none) return ProjectQuotaState{};
  }
  return ErrnoStatus(errno, "ask for the state of project quotas");
}

absl::StatusOr<ProjectQuota> GetProjectQuota(int fd, uint32_t id) {
  struct fs_disk_quota raw = {};
  if (Call(fd, Q_XGETQUOTA, id, &raw) == 0) return ToQuota(raw);
  if (errno == ENOENT) return ProjectQuota{.id = id};
  return ErrnoStatus(errno, absl::StrCat("read the quota of project ", id));
}

absl::StatusOr<std::optional<ProjectQuota>> NextProjectQuota(int fd, uint32_t id) {
  struct fs_disk_quota raw = {};
  if (Call(fd, Q_XGETNEXTQUOTA, id, &raw) == 0) return std::optional<ProjectQuota>(ToQuota(raw));
  if (errno == ENOENT || errno == ESRCH) return std::optional<ProjectQuota>();
  return ErrnoStatus(errno, absl::StrCat("find the quota after project ", id));
}

absl::Status SetProjectLimits(int fd, uint32_t id, const ProjectLimits& limits) {
  struct fs_disk_quota raw = {};
  raw.d_version = FS_DQUOT_VERSION;
  raw.d_flags = FS_PROJ_QUOTA;
  raw.d_id = id;
  // Soft limits would turn into hard ones after a time that is the whole filesystem's.
  raw.d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT | FS_DQ_IHARD | FS_DQ_ISOFT;
  raw.d_blk_hardlimit = static_cast<uint64_t>(limits.bytes / kBlockBytes);
  raw.d_ino_hardlimit = static_cast<uint64_t>(limits.inodes);
  if (Call(fd, Q_XSETQLIM, id, &raw) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("limit project ", id));
}

}  // namespace nodevol::host

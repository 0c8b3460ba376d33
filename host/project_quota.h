// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_PROJECT_QUOTA_H_
#define NODEVOL_HOST_PROJECT_QUOTA_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/bytes.h"

// Project quotas of XFS and ext4 by quotactl_fd(2) (Linux 5.14), whose XFS commands serve both.
// `fd` is any file of the filesystem.
namespace nodevol::host {

struct ProjectQuotaState {
  bool accounting = false;
  bool enforcement = false;
};
// What the kernel does now: the options that it was mounted with may say otherwise. All false where
// the kernel or the filesystem has no project quotas.
absl::StatusOr<ProjectQuotaState> GetProjectQuotaState(int fd);

// 0: no limit.
struct ProjectLimits {
  int64_t bytes = 0;
  int64_t inodes = 0;

  // True when this is what the kernel makes of a limit of so many bytes: filesystems count in
  // blocks, of up to 64 KiB.
  [[nodiscard]] bool HasBytes(int64_t wanted) const {
    return bytes >= wanted && bytes < wanted + 64 * kKiB;
  }

  friend bool operator==(const ProjectLimits&, const ProjectLimits&) = default;
};

struct ProjectQuota {
  uint32_t id = 0;
  ProjectLimits limits = {};
  int64_t used_bytes = 0;
  int64_t used_inodes = 0;

  // Nothing is charged to the project, and nothing limits it.
  [[nodiscard]] bool Unknown() const {
    return limits == ProjectLimits() && used_bytes == 0 && used_inodes == 0;
  }
};

// All zero for a project that the kernel does not know.
absl::StatusOr<ProjectQuota> GetProjectQuota(int fd, uint32_t id);
// The first project with this id or a larger one that the kernel knows; nullopt when there is none.
absl::StatusOr<std::optional<ProjectQuota>> NextProjectQuota(int fd, uint32_t id);
// Hard limits, at once. Bytes are a multiple of 512, and rounded up to the filesystem's blocks.
absl::Status SetProjectLimits(int fd, uint32_t id, const ProjectLimits& limits);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_PROJECT_QUOTA_H_

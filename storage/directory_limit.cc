// SPDX-License-Identifier: Apache-2.0
#include "storage/directory_limit.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "host/btrfs_quota.h"
#include "host/project_quota.h"

namespace nodevol::storage {
namespace {

DirectoryLimit None(const std::string& why) { return {.why_none = why}; }

DirectoryLimit ProbeBtrfs(int root) {
  const absl::StatusOr<host::BtrfsQuotaMode> mode = host::GetBtrfsQuotaMode(root);
  if (!mode.ok()) return None(absl::StrCat("its quotas can't be read: ", mode.status().message()));
  switch (*mode) {
    case host::BtrfsQuotaMode::kSimple:
      return {.kind = v1::DirectoryContent::BTRFS_SIMPLE_QUOTA, .why_none = ""};
    case host::BtrfsQuotaMode::kFull:
      return None(
          "its btrfs has full quotas, under which deletes crawl and nested subvolumes escape; run "
          "btrfs quota disable, then btrfs quota enable --simple, on its path, and restart the "
          "driver");
    case host::BtrfsQuotaMode::kNone:
      break;
  }
  return None(
      "its btrfs has no simple quotas; they need Linux 6.7 or newer: run btrfs quota enable "
      "--simple on its path, and restart the driver");
}

DirectoryLimit ProbeProjects(int root, host::FilesystemType type) {
  const absl::StatusOr<host::ProjectQuotaState> state = host::GetProjectQuotaState(root);
  if (!state.ok()) {
    return None(absl::StrCat("its quotas can't be read: ", state.status().message()));
  }
  if (state->accounting && state->enforcement) {
    return {.kind = v1::DirectoryContent::PROJECT_QUOTA, .why_none = ""};
  }
  if (type == host::FilesystemType::kXfs) {
    return None(
        "its xfs is mounted without project quotas; unmount it and mount it with -o prjquota (a "
        "remount ignores that silently), and restart the driver");
  }
  if (state->accounting) {
    return None(
        "its ext4 counts for project quotas but does not enforce them; mount it with -o prjquota, "
        "and restart the driver");
  }
  return None(
      "its ext4 has no project quotas; unmount it, run tune2fs -O project,quota -Q prjquota on its "
      "device (or make it with mkfs.ext4 -O project,quota -E quotatype=prjquota), mount it with -o "
      "prjquota, and restart the driver");
}

}  // namespace

DirectoryLimit ProbeDirectoryLimit(int root, host::FilesystemType type) {
  switch (type) {
    case host::FilesystemType::kBtrfs:
      return ProbeBtrfs(root);
    case host::FilesystemType::kXfs:
    case host::FilesystemType::kExt4:
      return ProbeProjects(root, type);
    case host::FilesystemType::kOther:
      break;
  }
  return None("its filesystem limits no directories");
}

std::string Describe(const DirectoryLimit& limit) {
  if (limit.kind != v1::DirectoryContent::LIMIT_UNSPECIFIED) return NameOf(limit.kind);
  return absl::StrCat("none: ", limit.why_none);
}

const char* NameOf(v1::DirectoryContent::Limit limit) {
  switch (limit) {
    case v1::DirectoryContent::BTRFS_SIMPLE_QUOTA:
      return "btrfs simple quotas";
    case v1::DirectoryContent::PROJECT_QUOTA:
      return "project quotas";
    default:
      return "none";
  }
}

}  // namespace nodevol::storage

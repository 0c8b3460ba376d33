// SPDX-License-Identifier: Apache-2.0
#include "storage/directory_limit.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "host/btrfs_quota.h"

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

}  // namespace

DirectoryLimit ProbeDirectoryLimit(int root, host::FilesystemType type) {
  if (type == host::FilesystemType::kBtrfs) return ProbeBtrfs(root);
  return None(
      "its filesystem limits no directories for this driver; use backend image, or a pool on btrfs "
      "with simple quotas (Linux 6.7 or newer)");
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

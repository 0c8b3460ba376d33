// SPDX-License-Identifier: Apache-2.0
#include "test/support/pool_leftovers.h"

#include <fcntl.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/project_quota.h"

namespace nodevol::testing {
namespace {

constexpr uint64_t kTopLevelSubvolume = 5;

absl::Status CheckNoQuotaGroups(const TestFilesystem& disk) {
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath(disk.path(), O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const std::vector<host::SubvolumeId> children,
                   host::ChildSubvolumes(root.get(), kTopLevelSubvolume));
  if (!children.empty()) {
    return absl::InternalError(absl::StrCat(children.size(), " subvolumes are left"));
  }
  std::vector<std::string> groups;
  RETURN_IF_ERROR(host::ForEachQuotaGroup(
      root.get(), [&groups](host::QuotaGroupId group, const host::QuotaGroupUsage&) {
        // Those of level 0 go when the kernel has cleaned up after their subvolume.
        if (group.level > 0) groups.push_back(absl::StrCat(group.level, "/", group.id));
      }));
  if (groups.empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("quota groups are left: ", absl::StrJoin(groups, ", ")));
}

// Limits of the driver's projects; others may use the filesystem too.
absl::Status CheckNoProjectLimits(const TestFilesystem& disk) {
  constexpr uint32_t kFirst = 0x40000000;
  constexpr uint32_t kLast = 0x7fffffff;
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath(disk.path(), O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const host::ProjectQuotaState state, host::GetProjectQuotaState(root.get()));
  if (!state.accounting) return absl::OkStatus();
  for (uint32_t id = kFirst; id <= kLast; ++id) {
    ASSIGN_OR_RETURN(const std::optional<host::ProjectQuota> quota,
                     host::NextProjectQuota(root.get(), id));
    if (!quota.has_value() || quota->id > kLast) break;
    if (!quota->Unknown()) {
      return absl::InternalError(absl::StrCat("the quota of project ", quota->id, " is left"));
    }
    id = quota->id;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Eventually(const std::function<absl::Status()>& check) {
  const absl::Duration deadline = MonotonicNow() + absl::Seconds(30);
  while (true) {
    const absl::Status now = check();
    if (now.ok() || absl::IsUnavailable(now) || MonotonicNow() > deadline) return now;
    absl::SleepFor(absl::Milliseconds(5));
  }
}

absl::Status CheckEmpty(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd directory, host::OpenPath(path, O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(directory.get()));
  if (names.empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(path, " has ", absl::StrJoin(names, ", ")));
}

absl::Status CheckPoolEmpty(const TestFilesystem& disk) {
  for (const char* directory :
       {"/volumes", "/snapshots", "/groups", "/.nodevol/staging", "/.nodevol/trash"}) {
    const std::string path = disk.path() + directory;
    RETURN_IF_ERROR(Eventually([&path] { return CheckEmpty(path); }));
  }
  return Eventually([&disk] {
    return disk.type() == host::FilesystemType::kBtrfs ? CheckNoQuotaGroups(disk)
                                                       : CheckNoProjectLimits(disk);
  });
}

}  // namespace nodevol::testing

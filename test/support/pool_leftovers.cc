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
  if (disk.type() != host::FilesystemType::kBtrfs) return absl::OkStatus();
  return Eventually([&disk] { return CheckNoQuotaGroups(disk); });
}

}  // namespace nodevol::testing

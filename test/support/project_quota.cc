// SPDX-License-Identifier: Apache-2.0
#include "test/support/project_quota.h"

#include <fcntl.h>

#include <map>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/project_quota.h"

namespace nodevol::testing {
namespace {

// The smallest that mkfs.xfs makes.
constexpr int64_t kTrialBytes = 300 * kMiB;

absl::Status TryProjectQuotas(host::FilesystemType type) {
  ASSIGN_OR_RETURN(const TestFilesystem disk,
                   TestFilesystem::Create(WithProjectQuotas(type, kTrialBytes)));
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath(disk.path(), O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const host::ProjectQuotaState state, host::GetProjectQuotaState(root.get()));
  if (state.enforcement) return absl::OkStatus();
  return absl::FailedPreconditionError("they are mounted, and not enforced");
}

}  // namespace

TestFilesystem::Options WithProjectQuotas(host::FilesystemType type, int64_t bytes) {
  TestFilesystem::Options options = {.type = type, .bytes = bytes, .mount_option = "prjquota"};
  if (type == host::FilesystemType::kExt4) {
    options.mkfs_options = {"-O", "quota,project", "-E", "quotatype=prjquota,nodiscard"};
  }
  return options;
}

std::optional<std::string> WhyNoProjectQuotas(host::FilesystemType type) {
  static std::map<host::FilesystemType, absl::Status> tried;
  if (!tried.contains(type)) tried[type] = TryProjectQuotas(type);
  if (tried[type].ok()) return std::nullopt;
  return absl::StrCat("this kernel has no project quotas on ", host::FilesystemName(type), " (",
                      tried[type].message(), ")");
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_PROJECT_QUOTA_TEST_UTIL_H_
#define NODEVOL_STORAGE_PROJECT_QUOTA_TEST_UTIL_H_

#include <cstdint>
#include <string>

#include "host/project_id.h"
#include "host/project_quota.h"
#include "storage/storage_test_util.h"

namespace nodevol::storage {

// A test of directory volumes under project quotas, on XFS and on ext4.
class ProjectQuotaFixture : public KindTest {
 protected:
  // What the kernel knows of a project, in the first pool's filesystem.
  host::ProjectQuota QuotaOf(uint32_t project);
  host::ProjectQuota QuotaOf(const VolumePtr& volume) {
    return QuotaOf(volume->directory().project_id());
  }
  // Limits a project as an administrator would.
  void Limit(uint32_t project, const host::ProjectLimits& limits);
  // Restarts the driver on the filesystem, mounted anew with this option, "" for none.
  void RemountWith(const std::string& option);
  // A volume that user 1000 owns.
  absl::StatusOr<VolumePtr> CreateForPod(const std::string& name);
};

inline constexpr uid_t kPod = 1000;

// Gives a file another project, as its owner may.
void ChangeProject(const std::string& path, const host::Project& project);
host::Project ProjectAt(const std::string& path);

#define INSTANTIATE_ON_PROJECT_QUOTAS(test)                                                     \
  INSTANTIATE_TEST_SUITE_P(Kinds, test, ::testing::Values(DirectoryOnXfs(), DirectoryOnExt4()), \
                           KindName)

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_PROJECT_QUOTA_TEST_UTIL_H_

// SPDX-License-Identifier: Apache-2.0
#include "storage/project_quota_test_util.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "absl/strings/str_cat.h"

#include "base/unique_fd.h"
#include "host/file.h"
#include "test/support/as_user.h"
#include "test/support/matchers.h"

namespace nodevol::storage {

host::ProjectQuota ProjectQuotaFixture::QuotaOf(uint32_t project) {
  const auto root = host::OpenPath(node().disk().path(), O_RDONLY | O_DIRECTORY);
  const auto quota = host::GetProjectQuota(root->get(), project);
  EXPECT_OK(quota);
  return quota.value_or(host::ProjectQuota());
}

void ProjectQuotaFixture::Limit(uint32_t project, const host::ProjectLimits& limits) {
  const auto root = host::OpenPath(node().disk().path(), O_RDONLY | O_DIRECTORY);
  ASSERT_OK(host::SetProjectLimits(root->get(), project, limits));
}

void ProjectQuotaFixture::RemountWith(const std::string& option) {
  node().Close();
  node().disk().set_mount_option(option);
  ASSERT_OK(node().disk().Remount());
  ASSERT_OK(node().Open());
}

absl::StatusOr<VolumePtr> ProjectQuotaFixture::CreateForPod(const std::string& name) {
  v1::VolumeRequest request = RequestFor(kind(), name);
  (*request.mutable_parameters())["uid"] = absl::StrCat(kPod);
  (*request.mutable_parameters())["gid"] = absl::StrCat(kPod);
  return node().Create(request);
}

void ChangeProject(const std::string& path, const host::Project& project) {
  const testing::AsUser pod(kPod);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.valid()) << path;
  struct fsxattr attributes = {};
  ASSERT_EQ(::ioctl(file.get(), FS_IOC_FSGETXATTR, &attributes), 0);
  attributes.fsx_projid = project.id;
  attributes.fsx_xflags = project.inherit ? FS_XFLAG_PROJINHERIT : 0;
  ASSERT_EQ(::ioctl(file.get(), FS_IOC_FSSETXATTR, &attributes), 0) << path;
}

host::Project ProjectAt(const std::string& path) {
  const auto file = host::OpenPath(path, O_PATH | O_NOFOLLOW);
  const auto project = host::ProjectOf(file->get());
  EXPECT_OK(project);
  return project.value_or(host::Project());
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "host/project_quota.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "host/file.h"
#include "host/project_id.h"
#include "host/remove_tree.h"
#include "test/support/matchers.h"
#include "test/support/project_quota.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::TestFilesystem;
using nodevol::testing::WithProjectQuotas;
using ::testing::AnyOf;
using ::testing::Eq;

constexpr uint32_t kId = 0x40000001;

class ProjectQuotaTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_PROJECT_QUOTAS(GetParam());
    auto disk = TestFilesystem::Create(WithProjectQuotas(GetParam()));
    ASSERT_OK(disk);
    disk_.emplace(*std::move(disk));
    ASSERT_OK_AND_ASSIGN(root_, OpenPath(disk_->path(), O_RDONLY | O_DIRECTORY));
    ASSERT_OK(MakeDirectory(root_.get(), "directory", 0700));
    ASSERT_OK_AND_ASSIGN(directory_, OpenDirectory(root_.get(), "directory"));
    ASSERT_OK(SetProject(directory_.get(), {.id = kId, .inherit = true}));
  }

  // Writes until the kernel refuses or `most` bytes are there; answers how many are.
  [[nodiscard]] int64_t Fill(int64_t most, int& error) const {
    const UniqueFd file = *OpenBeneath(directory_.get(), "file", O_WRONLY | O_CREAT, 0600);
    const std::string chunk(static_cast<size_t>(64 * kKiB), 'x');
    int64_t total = 0;
    error = 0;
    while (error == 0 && total < most) {
      const ssize_t put = ::write(file.get(), chunk.data(), chunk.size());
      error = put < 0 ? errno : 0;
      if (put > 0) total += put;
    }
    return total;
  }

  std::optional<TestFilesystem> disk_;
  UniqueFd root_;
  UniqueFd directory_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, ProjectQuotaTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs),
                         [](const auto& type) { return std::string(FilesystemName(type.param)); });

TEST_P(ProjectQuotaTest, StateSaysWhetherItIsMountedSo) {
  ASSERT_OK_AND_ASSIGN(const ProjectQuotaState on, GetProjectQuotaState(root_.get()));
  EXPECT_TRUE(on.accounting);
  EXPECT_TRUE(on.enforcement);
  TestFilesystem::Options options = WithProjectQuotas(GetParam());
  options.mount_option = "";
  ASSERT_OK_AND_ASSIGN(const TestFilesystem without, TestFilesystem::Create(options));
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, OpenPath(without.path(), O_RDONLY | O_DIRECTORY));
  ASSERT_OK_AND_ASSIGN(const ProjectQuotaState off, GetProjectQuotaState(root.get()));
  EXPECT_FALSE(off.enforcement);
}

TEST_P(ProjectQuotaTest, UnknownProjectHasNothing) {
  ASSERT_OK_AND_ASSIGN(const ProjectQuota quota, GetProjectQuota(root_.get(), kId + 1));
  EXPECT_TRUE(quota.Unknown());
  EXPECT_EQ(quota.id, kId + 1);
  ASSERT_OK_AND_ASSIGN(const ProjectQuota known, GetProjectQuota(root_.get(), kId));
  EXPECT_FALSE(known.Unknown());
  EXPECT_EQ(known.used_inodes, 1);
}

TEST_P(ProjectQuotaTest, LimitsAreReadBackAsSet) {
  const ProjectLimits limits = {.bytes = 8 * kMiB, .inodes = 100};
  ASSERT_OK(SetProjectLimits(root_.get(), kId, limits));
  EXPECT_EQ(GetProjectQuota(root_.get(), kId)->limits, limits);
  ASSERT_OK(SetProjectLimits(root_.get(), kId, {}));
  EXPECT_EQ(GetProjectQuota(root_.get(), kId)->limits, ProjectLimits());
  // As large as sizes can be.
  const ProjectLimits largest = {.bytes = int64_t{1} << 52, .inodes = int64_t{1} << 40};
  ASSERT_OK(SetProjectLimits(root_.get(), kId, largest));
  EXPECT_EQ(GetProjectQuota(root_.get(), kId)->limits, largest);
}

TEST_P(ProjectQuotaTest, WriterIsStoppedAtTheLimit) {
  ASSERT_OK(SetProjectLimits(root_.get(), kId, {.bytes = 4 * kMiB, .inodes = 0}));
  int error = 0;
  const int64_t taken = Fill(64 * kMiB, error);
  EXPECT_EQ(error, GetParam() == FilesystemType::kXfs ? ENOSPC : EDQUOT);
  EXPECT_LE(taken, 4 * kMiB);
  EXPECT_GE(taken, 3 * kMiB);
  EXPECT_LE(GetProjectQuota(root_.get(), kId)->used_bytes, 4 * kMiB);
  ASSERT_OK(SetProjectLimits(root_.get(), kId, {.bytes = 16 * kMiB, .inodes = 0}));
  EXPECT_EQ(Fill(12 * kMiB, error), 12 * kMiB) << "raised at once";
}

TEST_P(ProjectQuotaTest, InodesAreLimitedToo) {
  ASSERT_OK(SetProjectLimits(root_.get(), kId, {.bytes = 4 * kMiB, .inodes = 10}));
  absl::Status made;
  int files = 0;
  for (; files < 100 && made.ok(); ++files) {
    made = WriteNewFile(directory_.get(), absl::StrCat(files), "", 0600);
  }
  EXPECT_THAT(made, AnyOf(ErrnoIs(EDQUOT), ErrnoIs(ENOSPC)));
  EXPECT_EQ(files, 10) << "the directory is one of ten";
}

TEST_P(ProjectQuotaTest, ProjectsAreFoundInOrder) {
  ASSERT_OK(SetProjectLimits(root_.get(), kId + 7, {.bytes = kMiB, .inodes = 0}));
  ASSERT_OK_AND_ASSIGN(std::optional<ProjectQuota> next, NextProjectQuota(root_.get(), kId));
  EXPECT_EQ(next.value().id, kId);
  ASSERT_OK_AND_ASSIGN(next, NextProjectQuota(root_.get(), kId + 1));
  EXPECT_EQ(next.value().id, kId + 7);
  EXPECT_EQ(next.value().limits.bytes, kMiB);
  EXPECT_THAT(NextProjectQuota(root_.get(), kId + 8), IsOkAndHolds(Eq(std::nullopt)));
}

TEST_P(ProjectQuotaTest, NothingIsLeftOfAProjectThatEnded) {
  ASSERT_OK(SetProjectLimits(root_.get(), kId, {.bytes = 4 * kMiB, .inodes = 10}));
  int error = 0;
  ASSERT_EQ(Fill(kMiB, error), kMiB);
  directory_.reset();
  ASSERT_OK(RemoveTree(root_.get(), "directory"));
  ASSERT_OK(SetProjectLimits(root_.get(), kId, {}));
  // XFS frees inodes in the background.
  for (int i = 0; i < 3000 && !GetProjectQuota(root_.get(), kId)->Unknown(); ++i) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_TRUE(GetProjectQuota(root_.get(), kId)->Unknown());
}

TEST_P(ProjectQuotaTest, LimitIsThereAfterAReboot) {
  const ProjectLimits limits = {.bytes = 8 * kMiB, .inodes = 100};
  ASSERT_OK(SetProjectLimits(root_.get(), kId, limits));
  directory_.reset();
  root_.reset();
  ASSERT_OK(disk_->Remount());
  ASSERT_OK_AND_ASSIGN(root_, OpenPath(disk_->path(), O_RDONLY | O_DIRECTORY));
  EXPECT_EQ(GetProjectQuota(root_.get(), kId)->limits, limits);
}

TEST(ProjectQuotaElsewhereTest, FilesystemWithoutQuotasHasNone) {
  for (const FilesystemType type : {FilesystemType::kExt4, FilesystemType::kXfs}) {
    ASSERT_OK_AND_ASSIGN(const TestFilesystem disk, TestFilesystem::Create({.type = type}));
    ASSERT_OK_AND_ASSIGN(const UniqueFd root, OpenPath(disk.path(), O_RDONLY | O_DIRECTORY));
    ASSERT_OK_AND_ASSIGN(const ProjectQuotaState state, GetProjectQuotaState(root.get()));
    EXPECT_FALSE(state.accounting);
    EXPECT_FALSE(state.enforcement);
  }
}

}  // namespace
}  // namespace nodevol::host

// SPDX-License-Identifier: Apache-2.0
//
// XFS has projects with and without quotas, so most of this runs on every kernel.
#include "host/project_id.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

#include "host/file.h"
#include "test/support/matchers.h"
#include "test/support/project_quota.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using nodevol::testing::TestFilesystem;
using nodevol::testing::WithProjectQuotas;

constexpr uint32_t kId = 0x40000001;

class ProjectIdTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    TestFilesystem::Options options = {.type = GetParam()};
    if (GetParam() == FilesystemType::kExt4) {
      SKIP_WITHOUT_PROJECT_QUOTAS(GetParam());
      options = WithProjectQuotas(GetParam());
    }
    auto disk = TestFilesystem::Create(options);
    ASSERT_OK(disk);
    disk_.emplace(*std::move(disk));
    ASSERT_OK_AND_ASSIGN(root_, OpenPath(disk_->path(), O_RDONLY | O_DIRECTORY));
    ASSERT_OK(MakeDirectory(root_.get(), "directory", 0700));
    ASSERT_OK_AND_ASSIGN(directory_, OpenBeneath(root_.get(), "directory", O_PATH));
  }

  [[nodiscard]] UniqueFd Open(const std::string& name) const {
    return *OpenBeneath(directory_.get(), name, O_PATH | O_NOFOLLOW);
  }

  std::optional<TestFilesystem> disk_;
  UniqueFd root_;
  UniqueFd directory_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, ProjectIdTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs),
                         [](const auto& type) { return std::string(FilesystemName(type.param)); });

TEST_P(ProjectIdTest, ProjectIsWhatItWasSetTo) {
  EXPECT_THAT(ProjectOf(directory_.get()), IsOkAndHolds(Project()));
  ASSERT_OK(SetProject(directory_.get(), {.id = kId, .inherit = true}));
  EXPECT_THAT(ProjectOf(directory_.get()), IsOkAndHolds(Project{.id = kId, .inherit = true}));
  ASSERT_OK(SetProject(directory_.get(), {.id = kId, .inherit = false}));
  EXPECT_THAT(ProjectOf(directory_.get()), IsOkAndHolds(Project{.id = kId, .inherit = false}));
  ASSERT_OK(SetProject(directory_.get(), {}));
  EXPECT_THAT(ProjectOf(directory_.get()), IsOkAndHolds(Project()));
}

TEST_P(ProjectIdTest, WhatIsMadeInsideInherits) {
  ASSERT_OK(SetProject(directory_.get(), {.id = kId, .inherit = true}));
  ASSERT_OK(MakeDirectory(directory_.get(), "child", 0700));
  ASSERT_OK(WriteNewFile(directory_.get(), "file", "x", 0600));
  EXPECT_THAT(ProjectOf(Open("child").get()), IsOkAndHolds(Project{.id = kId, .inherit = true}));
  EXPECT_THAT(ProjectOf(Open("file").get()), IsOkAndHolds(Project{.id = kId, .inherit = false}));
}

TEST_P(ProjectIdTest, OtherAttributesStay) {
  ASSERT_OK(WriteNewFile(directory_.get(), "file", "x", 0600));
  ASSERT_OK(SetProject(Open("file").get(), {.id = kId, .inherit = false}));
  EXPECT_THAT(ReadFile(directory_.get(), "file", 10), IsOkAndHolds("x"));
  EXPECT_EQ(InspectAt(directory_.get(), "file")->mode & 07777, 0600U);
}

TEST_P(ProjectIdTest, SpecialFilesNeedANewKernel) {
  ASSERT_OK(SetProject(directory_.get(), {.id = kId, .inherit = true}));
  ASSERT_EQ(::symlinkat("/etc/passwd", directory_.get(), "link"), 0);
  ASSERT_EQ(::mkfifoat(directory_.get(), "pipe", 0600), 0);
  ASSERT_EQ(::mknodat(directory_.get(), "device", S_IFCHR | 0600, 0), 0);
  for (const char* name : {"link", "pipe", "device"}) {
    const absl::StatusOr<Project> project = ProjectOf(Open(name).get());
    if (absl::IsUnimplemented(project.status())) {
      EXPECT_THAT(SetProject(Open(name).get(), {.id = 5}),
                  StatusIs(absl::StatusCode::kUnimplemented));
      continue;
    }
    EXPECT_THAT(project, IsOkAndHolds(Project{.id = kId, .inherit = false})) << name;
    ASSERT_OK(SetProject(Open(name).get(), {.id = 5})) << name;
    EXPECT_THAT(ProjectOf(Open(name).get()), IsOkAndHolds(Project{.id = 5, .inherit = false}));
  }
}

TEST_P(ProjectIdTest, FileUnderALeaseIsNotWaitedFor) {
  ASSERT_OK(WriteNewFile(directory_.get(), "file", "x", 0600));
  const UniqueFd holder =
      *OpenBeneath(OpenDirectory(root_.get(), "directory")->get(), "file", O_RDWR);
  ASSERT_EQ(::fcntl(holder.get(), F_SETLEASE, F_WRLCK), 0);
  // By the new system call, or not at all.
  const absl::Status set = SetProject(Open("file").get(), {.id = kId, .inherit = false});
  if (set.ok()) return;
  EXPECT_THAT(set, nodevol::testing::ErrnoIs(EWOULDBLOCK));
}

TEST(ProjectIdElsewhereTest, FilesystemWithoutProjectsIsSaidSo) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem ext4,
                       TestFilesystem::Create({.type = FilesystemType::kExt4}));
  for (const std::string& path : {ext4.path(), nodevol::testing::NewDirectory()}) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd directory, OpenPath(path, O_RDONLY | O_DIRECTORY));
    EXPECT_THAT(SetProject(directory.get(), {.id = kId, .inherit = true}),
                StatusIs(absl::StatusCode::kFailedPrecondition));
  }
}

}  // namespace
}  // namespace nodevol::host

// SPDX-License-Identifier: Apache-2.0
//
// A pod that is not in a user namespace may change the project of its files, and so leave the limit
// of its volume. That is found and put right, not prevented (docs/guarantees.md, "Isolation").
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"

#include "storage/project_ids.h"
#include "storage/project_quota_test_util.h"
#include "storage/project_scrubber.h"
#include "storage/used_volume_test_util.h"
#include "test/support/as_user.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::AsUser;
using ::testing::AnyOf;

class ProjectQuotaEscapeTest : public ProjectQuotaFixture {
 protected:
  void SetUp() override {
    ProjectQuotaFixture::SetUp();
    if (node_ == nullptr) return;
    ASSERT_EQ(::chmod("/mnt", 0711), 0);  // the way to the volume is the pod's too
    ASSERT_OK_AND_ASSIGN(volume_, CreateForPod("a"));
    ASSERT_OK_AND_ASSIGN(victim_, CreateForPod("victim"));
    ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume_));
    used_.emplace(std::move(used));
  }
  void TearDown() override { used_.reset(); }

  [[nodiscard]] uint32_t project() const { return volume_->directory().project_id(); }
  [[nodiscard]] std::string PathOf(const std::string& name) const {
    return absl::StrCat(used_->path(), "/", name);
  }
  void MakeDirectoryAsPod(const std::string& name) const {
    const AsUser pod(kPod);
    ASSERT_EQ(::mkdir(PathOf(name).c_str(), 0700), 0);
  }
  int64_t FillAsPod(const std::string& name, int64_t most, int& error) const {
    const AsUser pod(kPod);
    return used_->Fill(name, most, error);
  }
  // The scrubber runs at start.
  void Scrub() {
    ASSERT_OK(node().Reopen());
    ASSERT_TRUE(Eventually([this] { return node().Statistics().project_escapes > 0; }));
  }
  // Closing waits for the run under way.
  void ExpectAllRight(const std::string& name) {
    node().Close();
    const struct stat info = Stat(name);
    EXPECT_EQ(ProjectAt(PathOf(name)),
              (host::Project{.id = project(), .inherit = S_ISDIR(info.st_mode)}))
        << name;
  }
  [[nodiscard]] struct stat Stat(const std::string& name) const {
    struct stat info = {};
    EXPECT_EQ(::lstat(PathOf(name).c_str(), &info), 0) << name;
    return info;
  }

  VolumePtr volume_;
  VolumePtr victim_;
  std::optional<UsedVolume> used_;
};
INSTANTIATE_ON_PROJECT_QUOTAS(ProjectQuotaEscapeTest);

TEST_P(ProjectQuotaEscapeTest, WhatWasWrittenPastTheLimitIsCountedAgain) {
  MakeDirectoryAsPod("outside");
  ChangeProject(PathOf("outside"), {.id = 0, .inherit = true});
  int error = 0;
  ASSERT_EQ(FillAsPod("outside/big", 2 * kind().bytes, error), 2 * kind().bytes)
      << "the kernel lets it";
  ASSERT_LT(QuotaOf(volume_).used_bytes, kMiB);

  ASSERT_NO_FATAL_FAILURE(Scrub());
  ExpectAllRight("outside");
  ExpectAllRight("outside/big");
  EXPECT_GE(QuotaOf(volume_).used_bytes, 2 * kind().bytes);
  EXPECT_EQ(QuotaOf(volume_).limits.bytes, kind().bytes);
  ASSERT_OK(node().Open());
  EXPECT_EQ(FillAsPod("more", kMiB, error), 0) << "it is more than full now";
  EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT));
}

TEST_P(ProjectQuotaEscapeTest, VictimGetsItsRoomBack) {
  MakeDirectoryAsPod("in-another");
  ChangeProject(PathOf("in-another"), {.id = victim_->directory().project_id(), .inherit = true});
  int error = 0;
  EXPECT_GT(FillAsPod("in-another/big", 2 * kind().bytes, error), kind().bytes / 2);
  ASSERT_GT(QuotaOf(victim_).used_bytes, kind().bytes / 2);

  ASSERT_NO_FATAL_FAILURE(Scrub());
  ExpectAllRight("in-another/big");
  EXPECT_LT(QuotaOf(victim_).used_bytes, kMiB);
  ASSERT_OK(node().Open());
  EXPECT_OK(WriteContent(node(), victim_, "content"));
}

TEST_P(ProjectQuotaEscapeTest, EmptyVolumeThatLeavesItsProjectKeepsItsLimit) {
  ChangeProject(used_->path(), {});
  ASSERT_EQ(QuotaOf(volume_).used_inodes, 0);
  // A start would set the limit anyway; this is the scrubber an hour later.
  ASSERT_OK(node().OnVolume(volume_, [this](LocalVolume& local) {
    const ProjectScrubber scrubber(local.engine.pool(), local.engine.volumes());
    EXPECT_TRUE(Eventually([this] { return ProjectAt(used_->path()).id == project(); }));
    return absl::OkStatus();
  }));
  EXPECT_EQ(QuotaOf(volume_).limits.bytes, kind().bytes);
}

TEST_P(ProjectQuotaEscapeTest, DirectoryThatHandsNothingDownIsFound) {
  MakeDirectoryAsPod("barren");
  ChangeProject(PathOf("barren"), {.id = project(), .inherit = false});
  int error = 0;
  ASSERT_EQ(FillAsPod("barren/file", kMiB, error), kMiB);
  ASSERT_EQ(ProjectAt(PathOf("barren/file")).id, 0U) << "no project was handed down";
  ASSERT_NO_FATAL_FAILURE(Scrub());
  ExpectAllRight("barren");
  ExpectAllRight("barren/file");
}

TEST_P(ProjectQuotaEscapeTest, LinksAreNotFollowedAndSpecialFilesNotOpened) {
  MakeDirectoryAsPod("outside");
  ChangeProject(PathOf("outside"), {});
  const std::string foreign = node().disk().path() + "/foreign";
  ASSERT_EQ(::mkdir(foreign.c_str(), 0700), 0);
  ASSERT_EQ(::symlink(foreign.c_str(), PathOf("outside/link").c_str()), 0);
  // Whoever opened it would wait for a writer.
  ASSERT_EQ(::mkfifo(PathOf("outside/pipe").c_str(), 0600), 0);
  ASSERT_EQ(::mknod(PathOf("outside/device").c_str(), S_IFCHR | 0600, 0), 0);
  ASSERT_NO_FATAL_FAILURE(Scrub());
  ExpectAllRight("outside");
  EXPECT_EQ(ProjectAt(foreign), host::Project());
}

TEST_P(ProjectQuotaEscapeTest, DeepTreeIsScrubbedToItsEnd) {
  std::string path = "0";
  MakeDirectoryAsPod(path);
  for (int i = 0; i < 150; ++i) MakeDirectoryAsPod(path += "/d");
  ChangeProject(PathOf(path), {});
  ASSERT_NO_FATAL_FAILURE(Scrub());
  ExpectAllRight(path);
}

TEST_P(ProjectQuotaEscapeTest, WhatIsAsItShouldBeIsNoFinding) {
  ASSERT_OK_AND_ASSIGN(const UsedVolume other, UsedVolume::Stage(node(), victim_));
  for (const std::string& path : {used_->path(), other.path()}) {
    const AsUser pod(kPod);
    for (const char* name : {"/a", "/a/b", "/c"}) {
      ASSERT_EQ(::mkdir((path + name).c_str(), 0700), 0);
    }
    ASSERT_EQ(::mknod((path + "/a/file").c_str(), S_IFREG | 0600, 0), 0);
  }
  // One finding in the volume that is looked at last says when all were.
  ChangeProject((volume_->id() > victim_->id() ? used_->path() : other.path()) + "/c", {});
  ASSERT_NO_FATAL_FAILURE(Scrub());
  EXPECT_EQ(node().Statistics().project_escapes, 1);
}

TEST_P(ProjectQuotaEscapeTest, DeletionEndsTheVolumesOwnLimitAndNoOther) {
  ChangeProject(used_->path(), {.id = victim_->directory().project_id(), .inherit = true});
  // Deeper than descriptors are held, in directories that may not be moved into one another.
  std::string path = "0";
  MakeDirectoryAsPod(path);
  for (int i = 0; i < 150; ++i) MakeDirectoryAsPod(path += "/d");
  ChangeProject(PathOf(path), {});
  ASSERT_OK(used_->Release());
  used_.reset();
  ASSERT_OK(node().Delete(volume_));
  ASSERT_TRUE(node().TrashEmpties());
  EXPECT_EQ(QuotaOf(victim_).limits.bytes, kind().bytes);
  EXPECT_TRUE(Eventually([&] { return QuotaOf(volume_).Unknown(); }));
}

}  // namespace
}  // namespace nodevol::storage

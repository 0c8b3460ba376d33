// SPDX-License-Identifier: Apache-2.0
//
// Which project ids volumes are given.
#include "storage/project_ids.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "storage/project_quota_test_util.h"
#include "storage/record_file.h"
#include "test/support/matchers.h"
#include "test/support/project_quota.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::StatusIs;
using nodevol::testing::TestFilesystem;
using nodevol::testing::WithProjectQuotas;
using ::testing::HasSubstr;

TEST(FirstProjectIdTest, IsInTheWindowAndDependsOnThePool) {
  const uint32_t first = FirstProjectIdOf(std::string(32, '0'));
  const uint32_t last = FirstProjectIdOf(std::string(32, 'f'));
  EXPECT_EQ(first, kFirstProjectId);
  EXPECT_TRUE(IsVolumeProject(last));
  EXPECT_GT(last, kLastProjectId - 1024);
  EXPECT_NE(FirstProjectIdOf("00001000" + std::string(24, '0')), first);
}

class ProjectQuotaIdsTest : public ProjectQuotaFixture {
 protected:
  uint32_t NextId(const std::string& name) {
    const auto volume = node().Create(RequestFor(kind(), name));
    EXPECT_OK(volume);
    return volume.ok() ? (*volume)->directory().project_id() : 0;
  }
  UniqueFd OpenMeta() {
    return *host::OpenPath(node().disk().path() + "/.nodevol", O_RDONLY | O_DIRECTORY);
  }
};
INSTANTIATE_ON_PROJECT_QUOTAS(ProjectQuotaIdsTest);

TEST_P(ProjectQuotaIdsTest, IdThatAnotherUsesIsLeftToHim) {
  const uint32_t first = NextId("a");
  EXPECT_EQ(first, FirstProjectIdOf(node().PoolUuid()));
  // A limit, and a file without one.
  Limit(first + 1, {.bytes = kMiB, .inodes = 0});
  const std::string file = node().disk().path() + "/foreign";
  ASSERT_EQ(::mkdir(file.c_str(), 0700), 0);
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd foreign, host::OpenPath(file, O_PATH));
    ASSERT_OK(host::SetProject(foreign.get(), {.id = first + 2, .inherit = false}));
  }
  EXPECT_EQ(NextId("b"), first + 3);
  EXPECT_EQ(QuotaOf(first + 1).limits.bytes, kMiB);
}

TEST_P(ProjectQuotaIdsTest, IdIsNotGivenTwice) {
  const uint32_t first = NextId("a");
  ASSERT_OK(node().DeleteId(VolumeId::ForName(node().PoolUuid(), "a")));
  ASSERT_TRUE(node().TrashEmpties());
  EXPECT_EQ(NextId("b"), first + 1);
  // A restart knows what was reserved, not what of that was given out.
  ASSERT_OK(node().Reopen());
  const uint32_t next = NextId("c");
  EXPECT_EQ(next, first + 1024);
  EXPECT_EQ(NextId("d"), next + 1);
}

TEST_P(ProjectQuotaIdsTest, WindowIsGoneThroughInACircle) {
  node().Close();
  v1::ProjectIdLedger ledger;
  ledger.set_next(kLastProjectId - 1);
  ASSERT_OK(ReplaceRecord(OpenMeta().get(), "project-ids", ledger));
  ASSERT_OK(node().Open());
  EXPECT_EQ(NextId("a"), kLastProjectId - 1);
  EXPECT_EQ(NextId("b"), kLastProjectId);
  EXPECT_EQ(NextId("c"), kFirstProjectId);
  ASSERT_OK(node().Reopen());
  EXPECT_EQ(NextId("d"), kFirstProjectId + 1024);
}

TEST_P(ProjectQuotaIdsTest, DamagedFileBeginsAnewWithoutGivingAnIdTwice) {
  const uint32_t first = NextId("a");
  node().Close();
  ASSERT_OK(host::RemoveFile(OpenMeta().get(), "project-ids"));
  ASSERT_OK(host::WriteNewFile(OpenMeta().get(), "project-ids", "nonsense", 0600));
  ASSERT_OK(node().Open());
  EXPECT_EQ(NextId("b"), first + 1) << "the first is in use";
}

TEST_P(ProjectQuotaIdsTest, FileOfANewerDriverIsRespected) {
  ASSERT_OK(host::WriteNewFile(OpenMeta().get(), "project-ids",
                               absl::StrCat("nodevol-record format=2 sha256=0\n{}"), 0600));
  EXPECT_THAT(node().Create(RequestFor(kind(), "a")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("format 2")));
}

TEST(ProjectQuotaSharedFilesystemTest, PoolsOfOneFilesystemDoNotMeet) {
  SKIP_WITHOUT_PROJECT_QUOTAS(FilesystemType::kXfs);
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk,
                       TestFilesystem::Create(WithProjectQuotas(FilesystemType::kXfs)));
  for (const char* name : {"/a", "/b"}) ASSERT_EQ(::mkdir((disk.path() + name).c_str(), 0700), 0);
  const std::vector<PoolOptions> pools = {
      {.name = "a", .path = disk.path() + "/a", .create = true},
      {.name = "b", .path = disk.path() + "/b", .create = true}};
  std::set<uint32_t> ids;
  const auto create = [&](LocalStorage& storage, const std::string& pool, int number) {
    v1::VolumeRequest request = RequestFor(DirectoryOnXfs(), absl::StrCat(pool, number));
    (*request.mutable_parameters())["pool"] = pool;
    const auto volume = Await<VolumePtr>(
        [&](Callback<VolumePtr> done) { storage.CreateVolume({}, request, std::move(done)); });
    ASSERT_OK(volume);
    EXPECT_TRUE(ids.insert((*volume)->directory().project_id()).second);
  };
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const auto storage, LocalStorage::Open("node-1", pools));
    for (int i = 0; i < 5; ++i) {
      create(*storage, "a", 10 * round + i);
      create(*storage, "b", 10 * round + i);
    }
  }
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, host::OpenPath(disk.path(), O_RDONLY | O_DIRECTORY));
  for (const uint32_t id : ids) {
    EXPECT_EQ(host::GetProjectQuota(root.get(), id)->limits.bytes, 64 * kMiB)
        << "neither takes the other's limits away";
  }
}

}  // namespace
}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to directories under project quotas; what all kinds have in common is tested
// with the others.
#include "host/project_quota.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "host/project_id.h"
#include "storage/health.h"
#include "storage/project_ids.h"
#include "storage/project_quota_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

class ProjectQuotaVolumeTest : public ProjectQuotaFixture {
 protected:
  absl::StatusOr<VolumeUsage> UsageOf(const VolumePtr& volume) {
    absl::StatusOr<VolumeUsage> usage;
    EXPECT_OK(node().OnVolume(volume, [&](LocalVolume& local) {
      usage = local.backend().Usage(local.object.get(), *local.record, -1);
      return usage.status();
    }));
    return usage;
  }
  // What the mount of a volume in use shows to be wrong with it.
  std::vector<HealthCondition> Examined(const VolumePtr& volume) {
    std::vector<HealthCondition> conditions;
    EXPECT_OK(node().OnVolume(volume, [&](LocalVolume& local) {
      conditions = local.engine.Examine(*local.record);
      return absl::OkStatus();
    }));
    return conditions;
  }
  static int MakeFiles(const std::string& directory, int most) {
    for (int made = 0; made < most; ++made) {
      if (::mknod(absl::StrCat(directory, "/", made).c_str(), S_IFREG | 0600, 0) != 0) {
        EXPECT_THAT(errno, AnyOf(EDQUOT, ENOSPC));
        return made;
      }
    }
    return most;
  }
};
INSTANTIATE_ON_PROJECT_QUOTAS(ProjectQuotaVolumeTest);

TEST_P(ProjectQuotaVolumeTest, EachVolumeHasAProjectOfOurWindow) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr a, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK_AND_ASSIGN(const VolumePtr b, node().Create(RequestFor(kind(), "b")));
  EXPECT_EQ(a->directory().limit(), v1::DirectoryContent::PROJECT_QUOTA);
  EXPECT_TRUE(IsVolumeProject(a->directory().project_id()));
  EXPECT_EQ(b->directory().project_id(), a->directory().project_id() + 1);
  EXPECT_EQ(ProjectAt(node().PathOf(a) + "/data"),
            (host::Project{.id = a->directory().project_id(), .inherit = true}));
  EXPECT_EQ(QuotaOf(a).limits, (host::ProjectLimits{.bytes = kind().bytes, .inodes = 0}));
  EXPECT_EQ(ProjectAt(node().PathOf(a)), host::Project()) << "the record is not charged";
}

TEST_P(ProjectQuotaVolumeTest, AutoIsADirectoryUnlessSomethingAsksForAnImage) {
  v1::VolumeRequest request = RequestFor(kind(), "auto");
  request.mutable_parameters()->clear();
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(request));
  EXPECT_TRUE(volume->has_directory());
  EXPECT_EQ(volume->volume_context().at("backend"), "directory");
  EXPECT_THAT(node().Create(request), IsOkAndHolds(volume)) << "the retry";

  const auto becomes_image = [&](const std::string& name, const v1::VolumeRequest& image) {
    v1::VolumeRequest named = image;
    named.set_name(name);
    const auto made = node().Create(named);
    EXPECT_OK(made);
    EXPECT_TRUE(made.ok() && (*made)->has_image()) << name;
  };
  v1::VolumeRequest image = request;
  image.mutable_capabilities(0)->mutable_mount()->set_fs_type("ext4");
  becomes_image("fs_type", image);
  image = request;
  image.mutable_capabilities(0)->mutable_block();
  becomes_image("block", image);
  image = request;
  image.mutable_capabilities(0)->mutable_mount()->add_mount_flags("discard");
  becomes_image("mount flag", image);
  for (const auto& [key, value] : std::map<std::string, std::string>{
           {"provisioning", "thick"}, {"mkfsOptions", "-m 1"}, {"backend", "image"}}) {
    image = request;
    (*image.mutable_parameters())[key] = value;
    becomes_image(key, image);
  }
}

TEST_P(ProjectQuotaVolumeTest, FullVolumeEndsWithTheFilesystemsError) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
  int error = 0;
  EXPECT_THAT(used.Fill("big", 2 * kind().bytes, error), AllOf(Le(kind().bytes), Ge(62 * kMiB)));
  EXPECT_EQ(error, kind().pool == host::FilesystemType::kXfs ? ENOSPC : EDQUOT);
  EXPECT_EQ(::unlink((used.path() + "/big").c_str()), 0) << "room can be made";
  EXPECT_OK(used.Write("content"));
}

TEST_P(ProjectQuotaVolumeTest, StatsAreTheQuotas) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
  int error = 0;
  ASSERT_EQ(used.Fill("big", 16 * kMiB, error), 16 * kMiB);
  ASSERT_EQ(MakeFiles(used.path(), 9), 9);
  ASSERT_OK_AND_ASSIGN(const VolumeUsage usage, UsageOf(volume));
  EXPECT_EQ(usage.total_bytes, kind().bytes);
  EXPECT_THAT(usage.used_bytes, AllOf(Ge(16 * kMiB), Le(17 * kMiB)));
  EXPECT_EQ(usage.available_bytes, kind().bytes - usage.used_bytes);
  EXPECT_EQ(usage.inodes.value().used, 11) << "the directory, the big file and nine more";
  EXPECT_EQ(usage.inodes->total, 0) << "no limit";
}

TEST_P(ProjectQuotaVolumeTest, InodeLimitIsEnforcedAndReported) {
  v1::VolumeRequest request = RequestFor(kind(), "a");
  (*request.mutable_mutable_parameters())["inodeLimit"] = "20";
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(request));
  EXPECT_EQ(QuotaOf(volume).limits, (host::ProjectLimits{.bytes = kind().bytes, .inodes = 20}));
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
    EXPECT_EQ(MakeFiles(used.path(), 100), 19);
    ASSERT_OK_AND_ASSIGN(const VolumeUsage usage, UsageOf(volume));
    EXPECT_EQ(usage.inodes.value().total, 20);
    EXPECT_EQ(usage.inodes->available, 0);
  }
  ASSERT_OK(node().Expand(volume, 2 * kind().bytes));
  EXPECT_EQ(QuotaOf(volume).limits, (host::ProjectLimits{.bytes = 2 * kind().bytes, .inodes = 20}));
}

TEST_P(ProjectQuotaVolumeTest, InodeLimitOfAVolumeInUseIsChanged) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
  ASSERT_OK(node().Modify(volume, "inodeLimit", "20"));
  EXPECT_EQ(MakeFiles(used.path(), 100), 19);
  // Less than there are: no more can be made, and none is taken away.
  ASSERT_OK(node().Modify(volume, "inodeLimit", "10"));
  EXPECT_EQ(QuotaOf(volume).limits.inodes, 10);
  EXPECT_EQ(QuotaOf(volume).used_inodes, 20);
  ASSERT_OK(node().Reopen());
  EXPECT_EQ(QuotaOf(volume).limits.inodes, 10);
  ASSERT_OK(node().Modify(volume, "inodeLimit", "0"));
  EXPECT_EQ(QuotaOf(volume).limits, (host::ProjectLimits{.bytes = kind().bytes, .inodes = 0}));
}

TEST_P(ProjectQuotaVolumeTest, LimitThatIsGoneIsSeen) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
  ASSERT_OK(node().Reopen());  // a start finds the mount
  EXPECT_THAT(Examined(volume), IsEmpty());
  Limit(volume->directory().project_id(), {});
  const auto quota_missing = AllOf(Field(&HealthCondition::status, HealthStatus::kDegraded),
                                   Field(&HealthCondition::reason, kQuotaMissing));
  EXPECT_THAT(Examined(volume), ElementsAre(quota_missing));
  ASSERT_OK(node().Reopen());
  EXPECT_THAT(Examined(volume), IsEmpty());
  ASSERT_OK_AND_ASSIGN(const UniqueFd data, host::OpenPath(used.path(), O_RDONLY | O_DIRECTORY));
  // The scrubber, which runs at a start, may put it right before it is seen.
  EXPECT_TRUE(Eventually([&] {
    EXPECT_OK(host::SetProject(data.get(), {}));
    const std::vector<HealthCondition> now = Examined(volume);
    return now.size() == 1 && now[0].reason == kQuotaMissing &&
           absl::StrContains(now[0].message, "has project 0");
  }));
}

TEST_P(ProjectQuotaVolumeTest, PoolThatComesBackIsLookedAfterAgain) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK(WriteContent(node(), volume, "content"));
  const uint32_t unused = kFirstProjectId + 12345;
  {
    ASSERT_OK_AND_ASSIGN(
        const UniqueFd content,
        host::OpenPath(node().PathOf(volume) + "/data/content", O_RDONLY | O_NOFOLLOW));
    ASSERT_EQ(::umount2(node().disk().path().c_str(), MNT_DETACH), 0);
    ASSERT_TRUE(Eventually([this] { return !node().storage().CheckReady().ok(); }));
    // While nobody looks after it.
    ASSERT_OK(host::SetProject(content.get(), {}));
    ASSERT_OK(host::SetProjectLimits(content.get(), unused, {.bytes = kMiB, .inodes = 5}));
  }
  ASSERT_OK(node().disk().Mount());
  ASSERT_TRUE(Eventually([this] { return node().storage().CheckReady().ok(); }));
  EXPECT_TRUE(Eventually([&] { return QuotaOf(unused).Unknown(); }));
  EXPECT_TRUE(Eventually([this] { return node().Statistics().project_escapes == 1; }));
  EXPECT_THAT(ReadContent(node(), volume), IsOkAndHolds("content"));
  EXPECT_OK(node().Delete(volume));
}

TEST_P(ProjectQuotaVolumeTest, DeletedVolumeLeavesNoLimit) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK(WriteContent(node(), volume, "content"));
  ASSERT_OK(node().Delete(volume));
  ASSERT_TRUE(node().TrashEmpties());
  EXPECT_EQ(QuotaOf(volume).limits, host::ProjectLimits());
  EXPECT_TRUE(Eventually([&] { return QuotaOf(volume).Unknown(); }));
}

TEST_P(ProjectQuotaVolumeTest, FailedCreationLeavesNoLimit) {
  int asked = 0;
  const OperationContext gone = {.abandoned = [&asked] { return ++asked > 1; }};
  EXPECT_THAT(node().Create(RequestFor(kind(), "a"), gone), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
  const uint32_t first = FirstProjectIdOf(node().PoolUuid());
  EXPECT_EQ(QuotaOf(first).limits, host::ProjectLimits());
  EXPECT_TRUE(Eventually([&] { return QuotaOf(first).Unknown(); }));
}

TEST_P(ProjectQuotaVolumeTest, CrashLeavesNoLimit) {
  const uint32_t unused = kFirstProjectId + 12345;
  const uint32_t foreign = kFirstProjectId - 1;
  const uint32_t foreign_too = kLastProjectId + 1;
  node().Close();
  for (const uint32_t project : {unused, foreign, foreign_too}) {
    ASSERT_NO_FATAL_FAILURE(Limit(project, {.bytes = kMiB, .inodes = 5}));
  }
  ASSERT_OK(node().Open());
  EXPECT_TRUE(Eventually([&] { return QuotaOf(unused).Unknown(); }));
  EXPECT_EQ(QuotaOf(foreign).limits.bytes, kMiB);
  EXPECT_EQ(QuotaOf(foreign_too).limits.bytes, kMiB);
}

TEST_P(ProjectQuotaVolumeTest, LimitAndProjectThatSomebodyChangedArePutRightAtStart) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, CreateForPod("a"));
  const uint32_t project = volume->directory().project_id();
  {
    ASSERT_EQ(::chmod("/mnt", 0711), 0);
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
    ChangeProject(used.path(), {});
  }
  node().Close();
  Limit(project, {});
  ASSERT_OK(node().Open());
  EXPECT_EQ(ProjectAt(node().PathOf(volume) + "/data"),
            (host::Project{.id = project, .inherit = true}));
  EXPECT_EQ(QuotaOf(volume).limits.bytes, kind().bytes);
}

TEST_P(ProjectQuotaVolumeTest, DirectoriesRestWhileNothingLimitsThem) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK(WriteContent(node(), volume, "content"));
  ASSERT_NO_FATAL_FAILURE(RemountWith(""));
  EXPECT_THAT(node().storage().GetVolume(*VolumeId::Parse(volume->id())),
              StatusIs(absl::StatusCode::kInternal,
                       AllOf(HasSubstr("nothing limits its size"), HasSubstr("-o prjquota"))));
  EXPECT_EQ(node().Statistics().damaged, 1U);
  EXPECT_THAT(node().Create(RequestFor(kind(), "b")),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("pool-0: can't limit the size of directories"),
                             HasSubstr("-o prjquota"))));
  v1::VolumeRequest automatic = RequestFor(kind(), "c");
  automatic.mutable_parameters()->clear();
  ASSERT_OK_AND_ASSIGN(const VolumePtr image, node().Create(automatic));
  EXPECT_TRUE(image->has_image());

  ASSERT_NO_FATAL_FAILURE(RemountWith("prjquota"));
  EXPECT_THAT(ReadContent(node(), volume), IsOkAndHolds("content"));
  EXPECT_EQ(QuotaOf(volume).limits.bytes, kind().bytes);
  EXPECT_EQ(node().Statistics().damaged, 0U);
}

}  // namespace
}  // namespace nodevol::storage

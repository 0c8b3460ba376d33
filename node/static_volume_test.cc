// SPDX-License-Identifier: Apache-2.0
//
// Static volumes in use: shared, read-only, over restarts and reboots, and taken down.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "node/static_fixture.h"
#include "test/support/sandbox.h"

namespace nodevol::node {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::Leftovers;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StaticVolumeTest : public StaticFixture {
 protected:
  void SetUp() override {
    StaticFixture::SetUp();
    ASSERT_EQ(::mkdir(Path("data").c_str(), 0755), 0);
    ASSERT_OK(WriteContent(Path("data"), "content"));
  }
  csi::v1::NodePublishVolumeRequest DataRequest(const std::string& target) const {
    return Request(Path("data"), "Directory", target);
  }
};

TEST_F(StaticVolumeTest, SeveralPodsShareOneInAllAccessModes) {
  for (int mode = 1; mode <= 7; ++mode) {
    SCOPED_TRACE(mode);
    const std::string target = Target(absl::StrCat("pod-", mode));
    csi::v1::NodePublishVolumeRequest request = DataRequest(target);
    *request.mutable_volume_capability() = MountCapability(static_cast<Mode::Mode>(mode));
    ASSERT_OK(Publish(request));
    EXPECT_THAT(ReadContent(target), IsOkAndHolds("content"));
  }
  ASSERT_OK(WriteContent(Target("pod-1"), "changed"));
  EXPECT_THAT(ReadContent(Target("pod-5")), IsOkAndHolds("changed"));
  EXPECT_OK(Unpublish(Target("pod-1")));
  EXPECT_THAT(ReadContent(Target("pod-5")), IsOkAndHolds("changed"));
  EXPECT_THAT(ReadContent(Path("data")), IsOkAndHolds("changed"));
}

TEST_F(StaticVolumeTest, ReadOnlyByFlagModeOrOption) {
  csi::v1::NodePublishVolumeRequest by_flag = DataRequest(Target("flag"));
  by_flag.set_readonly(true);
  csi::v1::NodePublishVolumeRequest by_mode = DataRequest(Target("mode"));
  *by_mode.mutable_volume_capability() = MountCapability(Mode::MULTI_NODE_READER_ONLY);
  csi::v1::NodePublishVolumeRequest by_option = DataRequest(Target("option"));
  by_option.mutable_volume_capability()->mutable_mount()->add_mount_flags("ro");
  for (const auto& request : {by_flag, by_mode, by_option}) {
    ASSERT_OK(Publish(request));
    EXPECT_THAT(WriteContent(request.target_path(), "changed"), ErrnoIs(EROFS));
    EXPECT_OK(Publish(request));
  }
  EXPECT_THAT(Publish(DataRequest(Target("flag"))), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK(Publish(DataRequest(Target())));
  EXPECT_OK(WriteContent(Target(), "changed"));
  by_flag.set_target_path(Target());
  EXPECT_THAT(Publish(by_flag), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(StaticVolumeTest, WhatIsReadOnlyOnTheNodeIsSoForPods) {
  ASSERT_OK(MountTmpfs(Path("data")));
  ASSERT_EQ(::mount(nullptr, Path("data").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  ASSERT_OK(Publish(DataRequest(Target())));
  EXPECT_THAT(WriteContent(Target(), "x"), ErrnoIs(EROFS));
  EXPECT_OK(Publish(DataRequest(Target())));
  EXPECT_OK(Unpublish());
  EXPECT_EQ(::umount(Path("data").c_str()), 0);
}

TEST_F(StaticVolumeTest, ReadOnlyHoldsForWhatIsMountedBeneathToo) {
  ASSERT_EQ(::mkdir(Path("data/sub").c_str(), 0755), 0);
  ASSERT_OK(MountTmpfs(Path("data/sub")));
  csi::v1::NodePublishVolumeRequest request = DataRequest(Target());
  request.set_readonly(true);
  ASSERT_OK(Publish(request));
  EXPECT_TRUE(IsMountRoot(Target("target/sub")));
  EXPECT_THAT(WriteContent(Target("target/sub"), "x"), ErrnoIs(EROFS));
  EXPECT_OK(Unpublish());
  EXPECT_TRUE(IsMountRoot(Path("data/sub"))) << "what is mounted at the source stays";
  EXPECT_EQ(::umount(Path("data/sub").c_str()), 0);
}

TEST_F(StaticVolumeTest, MountsAreNosuidAndNodev) {
  ASSERT_OK(Publish(DataRequest(Target())));
  std::ifstream mounts("/proc/self/mounts");
  std::string line;
  std::string found;
  while (std::getline(mounts, line)) {
    if (line.find(Target()) != std::string::npos) found = line;
  }
  EXPECT_THAT(found, HasSubstr("nosuid,nodev"));
}

TEST_F(StaticVolumeTest, ThePrefixItselfMayBeOne) {
  ASSERT_OK(Publish(prefix_, "Directory"));
  EXPECT_THAT(NamesIn(Target()), ElementsAre("data"));
}

TEST_F(StaticVolumeTest, StagingIsNothingButChecked) {
  csi::v1::NodeStageVolumeRequest stage;
  stage.set_volume_id("static:data");
  stage.set_staging_target_path(targets_);
  *stage.mutable_volume_capability() = MountCapability(Mode::MULTI_NODE_MULTI_WRITER);
  const auto staged = [&] { return world_->Call(&NodeHandler::StageVolume, stage).status(); };
  EXPECT_THAT(staged(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("path")));
  (*stage.mutable_volume_context())["path"] = Path("data");
  EXPECT_OK(staged());
  EXPECT_FALSE(IsMountRoot(targets_));
  (*stage.mutable_volume_context())["path"] = "/etc";
  EXPECT_THAT(staged(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(prefix_)));
  (*stage.mutable_volume_context())["path"] = Path("data");
  stage.set_volume_id("static:../data");
  EXPECT_THAT(staged(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("static:NAME")));
  stage.set_volume_id("static:data");
  stage.set_staging_target_path("relative");
  EXPECT_THAT(staged(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("absolute")));

  csi::v1::NodeUnstageVolumeRequest unstage;
  unstage.set_volume_id("static:data");
  unstage.set_staging_target_path(targets_ + "/none");
  EXPECT_OK(world_->Call(&NodeHandler::UnstageVolume, unstage));
  unstage.set_volume_id("static:");
  EXPECT_THAT(world_->Call(&NodeHandler::UnstageVolume, unstage),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(StaticVolumeTest, StatsAreThoseOfTheFilesystem) {
  ASSERT_OK(MountTmpfs(Path("data")));
  ASSERT_OK(Publish(DataRequest(Target())));
  csi::v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id("static:data");
  request.set_volume_path(Target());
  ASSERT_OK_AND_ASSIGN(const auto stats, world_->Call(&NodeHandler::GetVolumeStats, request));
  ASSERT_OK_AND_ASSIGN(const int64_t size, SizeSeenAt(Path("data")));
  ASSERT_EQ(stats.usage_size(), 2);
  EXPECT_EQ(stats.usage(0).total(), size);
  EXPECT_GT(stats.usage(1).total(), 0);
  for (const std::string& path : {Path("none"), targets_, std::string("relative")}) {
    request.set_volume_path(path);
    EXPECT_THAT(world_->Call(&NodeHandler::GetVolumeStats, request),
                StatusIs(absl::StatusCode::kNotFound))
        << path;
  }
  EXPECT_OK(Unpublish());
  EXPECT_EQ(::umount(Path("data").c_str()), 0);
}

TEST_F(StaticVolumeTest, StatsOfAFileAreItsSize) {
  std::ofstream(Path("file")) << std::string(5000, 'x');
  ASSERT_OK(Publish(Path("file"), "File"));
  csi::v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id("static:data");
  request.set_volume_path(Target());
  ASSERT_OK_AND_ASSIGN(const auto stats, world_->Call(&NodeHandler::GetVolumeStats, request));
  ASSERT_EQ(stats.usage_size(), 1);
  EXPECT_EQ(stats.usage(0).used(), 5000);
}

TEST_F(StaticVolumeTest, ExpandIsRefused) {
  csi::v1::NodeExpandVolumeRequest request;
  request.set_volume_id("static:data");
  request.set_volume_path(Target());
  EXPECT_THAT(world_->Call(&NodeHandler::ExpandVolume, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("static volume")));
}

TEST_F(StaticVolumeTest, RestartFindsIt) {
  ASSERT_OK(Publish(DataRequest(Target())));
  ASSERT_OK(world_->Restart());
  EXPECT_OK(Publish(DataRequest(Target())));
  EXPECT_OK(Unpublish());
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
  EXPECT_THAT(ReadContent(Path("data")), IsOkAndHolds("content"));
}

TEST_F(StaticVolumeTest, PodsCanEndWithoutTheFlagAndWithoutThePath) {
  ASSERT_OK(Publish(DataRequest(Target())));
  ASSERT_OK(Publish(DataRequest(Target("second"))));
  world_->AllowStatic({});
  ASSERT_OK(world_->Restart());
  EXPECT_THAT(Publish(DataRequest(Target("third"))),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("which has none")));
  EXPECT_OK(Unpublish());
  ASSERT_EQ(::unlink((Path("data") + "/content").c_str()), 0);
  ASSERT_EQ(::rmdir(Path("data").c_str()), 0);
  for (int i = 0; i < 2; ++i) EXPECT_OK(Unpublish(Target("second")));
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
}

TEST_F(StaticVolumeTest, AfterARebootItIsPublishedAgain) {
  ASSERT_OK(Publish(DataRequest(Target())));
  ASSERT_OK(world_->Reboot());
  ASSERT_FALSE(IsMountRoot(Target()));
  ASSERT_OK(Publish(DataRequest(Target())));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
  ASSERT_OK(world_->Reboot());
  EXPECT_OK(Unpublish());
  EXPECT_THAT(NamesIn(targets_), IsEmpty());
}

TEST_F(StaticVolumeTest, ADirectoryThatIsInUseIsTakenDownWithAllBeneath) {
  ASSERT_EQ(::mkdir(Path("data/sub").c_str(), 0755), 0);
  ASSERT_OK(MountTmpfs(Path("data/sub")));
  const int mounts = Leftovers::Now().mounts;
  ASSERT_OK(Publish(DataRequest(Target())));
  std::ofstream used(Target() + "/sub/used");
  EXPECT_OK(Unpublish());
  EXPECT_EQ(Leftovers::Now().mounts, mounts);
  used << "written by what still has it open" << std::flush;
  EXPECT_TRUE(used.good());
  used.close();
  EXPECT_EQ(::umount(Path("data/sub").c_str()), 0);
}

TEST_F(StaticVolumeTest, AnotherThingAtTheTargetIsRefusedAndLeft) {
  ASSERT_EQ(::mkdir(Target().c_str(), 0700), 0);
  ASSERT_OK(MountTmpfs(Target()));
  EXPECT_THAT(Publish(DataRequest(Target())),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("something else")));
  EXPECT_THAT(Publish(Request(Path("new"), "DirectoryOrCreate", Target())),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("something else")));
  EXPECT_NE(::access(Path("new").c_str(), F_OK), 0) << "nothing is made for a refused request";
  EXPECT_THAT(Unpublish(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(IsMountRoot(Target()));
  EXPECT_EQ(::umount(Target().c_str()), 0);
  ASSERT_OK(Publish(DataRequest(Target())));
  ASSERT_EQ(::mkdir(Path("other").c_str(), 0700), 0);
  EXPECT_THAT(Publish(Request(Path("other"), "Directory", Target())),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

TEST_F(StaticVolumeTest, FilesInTheBareTargetAreLeft) {
  ASSERT_EQ(::mkdir(Target().c_str(), 0700), 0);
  std::ofstream(Target() + "/precious") << "x";
  EXPECT_THAT(Unpublish(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("has content")));
  EXPECT_THAT(NamesIn(Target()), ElementsAre("precious"));
}

TEST_F(StaticVolumeTest, AVolumeOfTheDriversOwnIsNotUnmounted) {
  ASSERT_OK_AND_ASSIGN(const std::string volume,
                       world_->CreateVolume("volume", Mode::SINGLE_NODE_WRITER));
  const std::string staging = NewDirectory();
  csi::v1::NodeStageVolumeRequest stage;
  stage.set_volume_id(volume);
  stage.set_staging_target_path(staging);
  *stage.mutable_volume_capability() = world_->Capability(Mode::SINGLE_NODE_WRITER);
  ASSERT_OK(world_->Call(&NodeHandler::StageVolume, stage));
  for (int configured = 1; configured >= 0; --configured) {
    EXPECT_THAT(Unpublish(staging),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(volume)));
    EXPECT_TRUE(IsMountRoot(staging));
    world_->Stop();
    ASSERT_OK(configured == 1 ? world_->StartWithoutPool() : world_->Start());
  }
  csi::v1::NodeUnstageVolumeRequest unstage;
  unstage.set_volume_id(volume);
  unstage.set_staging_target_path(staging);
  EXPECT_OK(world_->Call(&NodeHandler::UnstageVolume, unstage));
  EXPECT_OK(world_->Delete(volume));
}

TEST_F(StaticVolumeTest, AStaticVolumeIsNotUnmountedByTheIdOfAnother) {
  ASSERT_OK(Publish(DataRequest(Target())));
  EXPECT_THAT(Unpublish(Target(), "csi-" + std::string(64, 'a')),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

}  // namespace
}  // namespace nodevol::node

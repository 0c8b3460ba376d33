// SPDX-License-Identifier: Apache-2.0
#include <sys/statvfs.h>

#include <string>
#include <vector>

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class NodeMountFlagsTest : public NodeFixture {
 protected:
  // Stages and publishes with these flags.
  absl::Status Use(const std::vector<std::string>& flags) {
    csi::v1::NodeStageVolumeRequest stage = StageRequest();
    csi::v1::NodePublishVolumeRequest publish = PublishRequest(Target());
    for (const std::string& flag : flags) {
      stage.mutable_volume_capability()->mutable_mount()->add_mount_flags(flag);
      publish.mutable_volume_capability()->mutable_mount()->add_mount_flags(flag);
    }
    const absl::Status staged = Stage(stage);
    return staged.ok() ? Publish(publish) : staged;
  }
  static unsigned long FlagsAt(const std::string& path) {
    struct statvfs info = {};
    EXPECT_EQ(::statvfs(path.c_str(), &info), 0);
    return info.f_flag;
  }
};
INSTANTIATE_FOR_KINDS(NodeMountFlagsTest, MountKinds());

TEST_P(NodeMountFlagsTest, WithoutFlagsMountsAreNosuidAndNodev) {
  ASSERT_OK(Use({}));
  for (const std::string& path : {staging_, Target()}) {
    EXPECT_EQ(FlagsAt(path) & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY | ST_NOATIME),
              static_cast<unsigned long>(ST_NOSUID | ST_NODEV));
  }
}

TEST_P(NodeMountFlagsTest, FlagsOfTheMountAreSeenInIt) {
  ASSERT_OK(Use({"noatime", "noexec", "suid", "dev"}));
  for (const std::string& path : {staging_, Target()}) {
    EXPECT_EQ(FlagsAt(path) & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY | ST_NOATIME),
              static_cast<unsigned long>(ST_NOEXEC | ST_NOATIME));
  }
}

TEST_P(NodeMountFlagsTest, FlagThatIsNotAllowedIsRefusedWithoutItsValue) {
  // mount_flags may hold what nobody should see (spec, VolumeCapability).
  const absl::Status refused = Use({"noatime", "canary=4711"});
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("mount flag 2 of 2"), Not(HasSubstr("canary")),
                                      Not(HasSubstr("4711")), HasSubstr("noatime"))));
  EXPECT_FALSE(IsMountRoot(staging_));
  ASSERT_OK(Use({}));
  csi::v1::NodePublishVolumeRequest publish = PublishRequest(Target("other"));
  publish.mutable_volume_capability()->mutable_mount()->add_mount_flags("canary=4711");
  EXPECT_THAT(Publish(publish),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("mount flag 1 of 1"), Not(HasSubstr("canary")))));
}

TEST_P(NodeMountFlagsTest, HostileFlagsAreRefused) {
  for (const char* const flag :
       {"errors=panic", "subvol=/", "device=/dev/sda", "logdev=/dev/sda", "journal_path=/dev/sda",
        "bind", "remount", "norecovery", "data=writeback", "context=x", "loop", "x-mount.mkdir",
        "noatime,errors=panic"}) {
    EXPECT_THAT(Use({flag}), StatusIs(absl::StatusCode::kInvalidArgument,
                                      AllOf(HasSubstr("mount flag"), Not(HasSubstr("panic")),
                                            Not(HasSubstr("/dev/sda")))))
        << flag;
    EXPECT_FALSE(IsMountRoot(staging_));
  }
}

TEST_P(NodeMountFlagsTest, FlagsOfTheFilesystemReachIt) {
  const std::string flag = kind_.fs_type == "ext4"  ? "commit=30"
                           : kind_.fs_type == "xfs" ? "allocsize=64k"
                                                    : "compress=zstd";
  if (kind_.fs_type.empty()) {
    // The pool's filesystem is not the volume's to change.
    EXPECT_THAT(Use({flag}), StatusIs(absl::StatusCode::kInvalidArgument));
    return;
  }
  ASSERT_OK(Use({flag}));
  const std::string key = flag.substr(0, flag.find('='));
  ASSERT_OK_AND_ASSIGN(const UniqueFd proc, host::OpenPath("/proc/self", O_RDONLY));
  ASSERT_OK_AND_ASSIGN(const std::string table, host::ReadFile(proc.get(), "mountinfo", kMiB));
  const size_t line = table.find(" " + staging_ + " ");
  ASSERT_NE(line, std::string::npos);
  EXPECT_THAT(table.substr(line, table.find('\n', line) - line), HasSubstr(key + "="));
}

}  // namespace
}  // namespace nodevol::node

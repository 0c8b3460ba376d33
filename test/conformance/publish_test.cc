// SPDX-License-Identifier: Apache-2.0
//
// Group 14, NodePublishVolume and NodeUnpublishVolume: what is at the target, and who may write
// there.
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kContent[] = "content";

class PublishConformance : public VolumeTest {
 protected:
  // A volume with this capability that is attached and staged; nullopt where the driver refuses it.
  std::optional<NodeVolume> StageWith(const csi::v1::VolumeCapability& capability) {
    csi::v1::CreateVolumeRequest request = VolumeRequest();
    *request.mutable_volume_capabilities(0) = capability;
    const absl::StatusOr<csi::v1::Volume> created = Create(request);
    if (absl::IsInvalidArgument(created.status())) return std::nullopt;
    EXPECT_OK(created);
    if (!created.ok()) return std::nullopt;
    NodeVolume volume = OnNode(*created, "volume", capability);
    EXPECT_OK(volume.Attach());
    const absl::Status staged = volume.Stage();
    if (absl::IsInvalidArgument(staged)) return std::nullopt;
    EXPECT_OK(staged);
    return volume;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat status = {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode : 0;
  }
};

// NodePublishVolumeRequest.target_path: the device, or the mounted directory, made by the SP.
TEST_F(PublishConformance, TargetIsTheVolume) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  EXPECT_TRUE(driver().IsBlock() ? S_ISBLK(ModeOf(volume.Target()))
                                 : S_ISDIR(ModeOf(volume.Target())));
  if (!driver().IsBlock()) {
    EXPECT_TRUE(MountAt(volume.Target()).has_value());
  }
  EXPECT_OK(volume.In().Write("content", kContent));
  EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// NodeUnpublishVolumeRequest.target_path: "The SP MUST delete the file or directory it created".
TEST_F(PublishConformance, UnpublishRemovesTheTargetAndIsOkAgain) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  for (int i = 0; i < 3; ++i) EXPECT_OK(volume.Unpublish());
  EXPECT_FALSE(Exists(volume.Target()));
  EXPECT_OK(volume.Publish());
  EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// A CO may have made the target itself, as some do.
TEST_F(PublishConformance, TargetThatExistsIsTaken) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.Unpublish());
  if (driver().IsBlock()) {
    std::ofstream(volume.Target()).close();
  } else {
    ASSERT_EQ(::mkdir(volume.Target().c_str(), 0750), 0);
  }
  EXPECT_OK(volume.Publish());
  EXPECT_OK(volume.Unpublish());
  EXPECT_FALSE(Exists(volume.Target()));
}

// NodePublishVolumeRequest.readonly: "SP MUST publish the volume in readonly mode".
TEST_F(PublishConformance, ReadonlyIsEnforcedByTheKernel) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  EXPECT_TRUE(IsWritable(volume.Target()));
  ASSERT_OK(volume.Unpublish());
  ASSERT_OK(volume.PublishReadOnly("1"));
  EXPECT_FALSE(IsWritable(volume.Target()));
  // A byte was written to the device to see whether it can be.
  if (!driver().IsBlock()) {
    EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  }
  ASSERT_OK(volume.Unpublish());
  ASSERT_OK(volume.Publish());
  EXPECT_TRUE(IsWritable(volume.Target()));
}

// MountVolume.mount_flags: "SP MUST ensure the CO can use the published volume as described".
TEST_F(PublishConformance, MountFlagsAreHonouredOrRefused) {
  if (driver().IsBlock()) GTEST_SKIP() << "block volumes are not mounted";
  csi::v1::VolumeCapability capability = options().capability;
  capability.mutable_mount()->add_mount_flags("noatime");
  std::optional<NodeVolume> volume = StageWith(capability);
  if (!volume.has_value()) GTEST_SKIP() << "the driver refuses the mount flag noatime";
  ASSERT_OK(volume->Publish());
  struct statvfs mounted = {};
  ASSERT_EQ(::statvfs(volume->Target().c_str(), &mounted), 0);
  EXPECT_NE(mounted.f_flag & ST_NOATIME, 0U) << "the flag was ignored";
}

TEST_F(PublishConformance, UnknownMountFlagIsRefused) {
  if (driver().IsBlock()) GTEST_SKIP() << "block volumes are not mounted";
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.Unpublish());
  csi::v1::NodePublishVolumeRequest request = volume.PublishRequest();
  request.mutable_volume_capability()->mutable_mount()->add_mount_flags("no-such-flag");
  EXPECT_THAT(volume.Publish(request),
              StatusIsEither(StatusCode::kInvalidArgument, StatusCode::kFailedPrecondition));
  EXPECT_FALSE(Exists(volume.Target())) << "something is left of the attempt";
}

// MountVolume.fs_type.
TEST_F(PublishConformance, FilesystemIsTheOneThatWasAskedForOrRefused) {
  if (driver().IsBlock()) GTEST_SKIP() << "block volumes have no filesystem";
  bool any = false;
  for (const char* const type : {"ext4", "xfs", "btrfs"}) {
    SCOPED_TRACE(type);
    csi::v1::CreateVolumeRequest request = VolumeRequest(type);
    // As large as any of them needs.
    request.mutable_capacity_range()->set_required_bytes(int64_t{320} << 20);
    csi::v1::VolumeCapability& capability = *request.mutable_volume_capabilities(0);
    capability.mutable_mount()->set_fs_type(type);
    const absl::StatusOr<csi::v1::Volume> created = Create(request);
    if (absl::IsInvalidArgument(created.status())) continue;
    ASSERT_OK(created);
    NodeVolume volume = OnNode(*created, type, capability);
    const absl::Status started = volume.Start();
    if (absl::IsInvalidArgument(started)) continue;
    ASSERT_OK(started);
    ASSERT_TRUE(MountAt(volume.Target()).has_value());
    EXPECT_EQ(MountAt(volume.Target())->filesystem, type) << "the type was ignored";
    any = true;
  }
  if (!any) GTEST_SKIP() << "the driver takes none of the types";
}

// MountVolume.volume_mount_group, with VOLUME_MOUNT_GROUP.
TEST_F(PublishConformance, MountGroupMayReadAndWrite) {
  REQUIRE_ANNOUNCED(NodeRpc::VOLUME_MOUNT_GROUP);
  if (driver().IsBlock()) GTEST_SKIP() << "block volumes are not mounted";
  constexpr gid_t kGroup = 4711;
  csi::v1::VolumeCapability capability = options().capability;
  capability.mutable_mount()->set_volume_mount_group(absl::StrCat(kGroup));
  std::optional<NodeVolume> volume = StageWith(capability);
  ASSERT_TRUE(volume.has_value()) << "it is announced";
  ASSERT_OK(volume->Publish());
  struct stat root = {};
  ASSERT_EQ(::stat(volume->Target().c_str(), &root), 0);
  EXPECT_EQ(root.st_gid, kGroup);
  EXPECT_EQ(root.st_mode & S_IRWXG, static_cast<mode_t>(S_IRWXG));
}

// "NodePublishVolume Errors", Staging target path not set.
TEST_F(PublishConformance, WithoutAStagingPathItIsRefused) {
  REQUIRE_ANNOUNCED(NodeRpc::STAGE_UNSTAGE_VOLUME);
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.Unpublish());
  csi::v1::NodePublishVolumeRequest request = volume.PublishRequest();
  request.clear_staging_target_path();
  EXPECT_THAT(volume.Publish(request), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_FALSE(Exists(volume.Target()));
}

// VolumeCapability: access_type "MUST be specified".
TEST_F(PublishConformance, CapabilityWithoutAccessTypeIsInvalid) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.Unpublish());
  csi::v1::NodePublishVolumeRequest request = volume.PublishRequest();
  request.mutable_volume_capability()->clear_access_type();
  EXPECT_THAT(volume.Publish(request), StatusIs(StatusCode::kInvalidArgument));
  request = volume.PublishRequest();
  request.mutable_volume_capability()->clear_access_mode();
  EXPECT_THAT(volume.Publish(request), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_FALSE(Exists(volume.Target()));
}

// "NodePublishVolume Errors", Exceeds capabilities.
TEST_F(PublishConformance, OtherAccessTypeThanTheVolumesIsRefused) {
  const csi::v1::VolumeCapability other =
      driver().IsBlock() ? MountCapability() : BlockCapability();
  csi::v1::CreateVolumeRequest both = VolumeRequest("both");
  *both.add_volume_capabilities() = other;
  if (Create(both).ok()) GTEST_SKIP() << "volumes are of both access types";
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.Unpublish());
  csi::v1::NodePublishVolumeRequest request = volume.PublishRequest();
  *request.mutable_volume_capability() = other;
  EXPECT_THAT(volume.Publish(request), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_FALSE(Exists(volume.Target()));
}

// NodePublishVolumeRequest.target_path: "The CO SHALL ensure that the parent directory ... exists".
TEST_F(PublishConformance, WithoutAParentNothingIsLeftOfTheAttempt) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.Unpublish());
  csi::v1::NodePublishVolumeRequest request = volume.PublishRequest();
  request.set_target_path(directory() + "/no-parent/target");
  if (volume.Publish(request).ok()) GTEST_SKIP() << "the driver makes parents too";
  EXPECT_THAT(NamesIn(directory()), Not(Contains("no-parent")));
  EXPECT_THAT(MountsBeneath(directory() + "/no-parent"), IsEmpty());
}

}  // namespace
}  // namespace nodevol::testing

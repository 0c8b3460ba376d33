// SPDX-License-Identifier: Apache-2.0
//
// Weaknesses of publishing and of lists.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"

#include "test/weakness/weakness_fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;

csi::v1::VolumeCapability InMode(csi::v1::VolumeCapability capability, AccessMode::Mode mode) {
  capability.mutable_access_mode()->set_mode(mode);
  return capability;
}

csi::v1::NodePublishVolumeRequest PublishRequest(const Pod& pod,
                                                 const csi::v1::VolumeCapability& capability) {
  csi::v1::NodePublishVolumeRequest request;
  request.set_volume_id(pod.volume_id());
  request.set_staging_target_path(pod.staging());
  request.set_target_path(pod.target());
  *request.mutable_volume_capability() = capability;
  return request;
}

TEST_F(Weakness, W27_ReadonlyDevicesAreReadonly) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPod("volume"));
  EXPECT_TRUE(CanWrite(pod.target()));
  EXPECT_THAT(client().Publish(pod.volume_id(), pod.staging(), pod.target(), /*read_only=*/true),
              StatusIs(StatusCode::kAlreadyExists));
  ASSERT_OK(client().Unpublish(pod.volume_id(), pod.target()));
  ASSERT_OK(client().Publish(pod.volume_id(), pod.staging(), pod.target(), /*read_only=*/true));
  EXPECT_FALSE(CanWrite(pod.target()));
  ASSERT_OK(client().Unpublish(pod.volume_id(), pod.target()));
  ASSERT_OK(Call(&Node::NodePublishVolume,
                 PublishRequest(pod, BlockCapability(AccessMode::SINGLE_NODE_READER_ONLY))));
  EXPECT_FALSE(CanWrite(pod.target()));
}

TEST_F(Weakness, W28_PathsAndCapabilitiesAreCompared) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPod("volume"));
  ASSERT_OK_AND_ASSIGN(const Pod other, StartPod("other"));
  EXPECT_THAT(client().Publish(other.volume_id(), other.staging(), pod.target()),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(client().Publish(pod.volume_id(), pod.staging(), pod.target() + "-2"),
              StatusIs(StatusCode::kFailedPrecondition))
      << "a second target of SINGLE_NODE_WRITER";
  csi::v1::NodeStageVolumeRequest stage;
  stage.set_volume_id(pod.volume_id());
  stage.set_staging_target_path(pod.staging());
  *stage.mutable_volume_capability() =
      InMode(MountCapability("ext4"), AccessMode::SINGLE_NODE_MULTI_WRITER);
  EXPECT_THAT(Call(&Node::NodeStageVolume, stage), StatusIs(StatusCode::kAlreadyExists));
  ASSERT_OK(client().Unpublish(pod.volume_id(), pod.target()));
  csi::v1::VolumeCapability untyped = MountCapability("ext4");
  untyped.clear_access_type();
  EXPECT_THAT(Call(&Node::NodePublishVolume, PublishRequest(pod, untyped)),
              StatusIs(StatusCode::kInvalidArgument));
  csi::v1::VolumeCapability flagged = MountCapability("ext4");
  flagged.mutable_mount()->add_mount_flags("no-such-flag");
  EXPECT_THAT(Call(&Node::NodePublishVolume, PublishRequest(pod, flagged)),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Call(&Node::NodePublishVolume, PublishRequest(pod, MountCapability("xfs"))),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_FALSE(IsMounted(pod.target()));
}

TEST_F(Weakness, W29_ListsAreWhole) {
  constexpr int kVolumes = 5;
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  std::string last;
  for (int i = 0; i < kVolumes; ++i) {
    ASSERT_OK_AND_ASSIGN(last, node().CreateVolume(absl::StrCat("volume-", i)));
  }
  std::set<std::string> seen;
  csi::v1::ListVolumesRequest request;
  request.set_max_entries(2);
  do {
    ASSERT_OK_AND_ASSIGN(const auto page, Call(&Controller::ListVolumes, request));
    EXPECT_THAT(page.entries_size(), Le(2));
    for (const auto& entry : page.entries()) {
      EXPECT_TRUE(seen.insert(entry.volume().volume_id()).second);
      EXPECT_THAT(entry.status().published_node_ids(), IsEmpty());
    }
    request.set_starting_token(page.next_token());
  } while (!request.starting_token().empty());
  EXPECT_EQ(seen.size(), kVolumes);

  for (int i = 0; i < 3; ++i) ASSERT_OK(client().Snapshot(absl::StrCat("snapshot-", i), last));
  csi::v1::ListSnapshotsRequest of_volume;
  of_volume.set_source_volume_id(last);
  ASSERT_OK_AND_ASSIGN(const auto snapshots, Call(&Controller::ListSnapshots, of_volume));
  EXPECT_EQ(snapshots.entries_size(), 3);

  csi::v1::ControllerPublishVolumeRequest publish;
  publish.set_volume_id(last);
  publish.set_node_id("node-1");
  *publish.mutable_volume_capability() = MountCapability();
  ASSERT_OK(Call(&Controller::ControllerPublishVolume, publish));
  csi::v1::ControllerGetVolumeRequest get;
  get.set_volume_id(last);
  ASSERT_OK_AND_ASSIGN(const auto volume, Call(&Controller::ControllerGetVolume, get));
  EXPECT_THAT(volume.status().published_node_ids(), ElementsAre("node-1"));
  get.set_volume_id("no-such-volume");
  EXPECT_THAT(Call(&Controller::ControllerGetVolume, get), StatusIs(StatusCode::kNotFound));
  get.clear_volume_id();
  EXPECT_THAT(Call(&Controller::ControllerGetVolume, get), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace nodevol::testing

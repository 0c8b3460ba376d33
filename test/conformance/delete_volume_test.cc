// SPDX-License-Identifier: Apache-2.0
//
// Group 6, DeleteVolume. That nothing is left on the disk only its owner can say:
// test/service/shutdown_test.cc, test/crash/kill_test.cc.
#include <string>

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;

constexpr char kContent[] = "still here";

class DeleteVolumeConformance : public VolumeTest {
 protected:
  bool IsListed(const std::string& snapshot_id) {
    csi::v1::ListSnapshotsRequest request;
    request.set_snapshot_id(snapshot_id);
    const auto listed = driver().Call(&Controller::ListSnapshots, request);
    EXPECT_OK(listed);
    return listed.ok() && listed->entries_size() == 1;
  }
};

// "DeleteVolume Errors", Volume in use.
TEST_F(DeleteVolumeConformance, VolumeInUseIsRefusedAndUnharmed) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  EXPECT_THAT(DeleteVolume(volume.id()), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  // The CO goes on with it.
  EXPECT_OK(volume.Unpublish());
  if (driver().Announces(NodeRpc::STAGE_UNSTAGE_VOLUME)) {
    EXPECT_THAT(DeleteVolume(volume.id()), StatusIs(StatusCode::kFailedPrecondition)) << "staged";
  }
  EXPECT_OK(volume.Unstage());
  EXPECT_OK(volume.Detach());
  EXPECT_OK(DeleteVolume(volume.id()));
}

TEST_F(DeleteVolumeConformance, ControllerPublishedVolumeIsRefused) {
  REQUIRE_ANNOUNCED(ControllerRpc::PUBLISH_UNPUBLISH_VOLUME);
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  NodeVolume on_node = OnNode(volume);
  ASSERT_OK(on_node.Attach());
  EXPECT_THAT(DeleteVolume(volume.volume_id()), StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_OK(on_node.Stage());
  EXPECT_OK(on_node.Publish());
}

// "DeleteVolume": OK when it, or its artifacts, do not exist any more.
TEST_F(DeleteVolumeConformance, DeletedVolumeIsGoneForEveryCall) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.Stop());
  EXPECT_OK(DeleteVolume(volume.id()));
  EXPECT_OK(DeleteVolume(volume.id()));
  if (driver().Announces(ControllerRpc::GET_VOLUME)) {
    csi::v1::ControllerGetVolumeRequest request;
    request.set_volume_id(volume.id());
    EXPECT_THAT(driver().Call(&Controller::ControllerGetVolume, request),
                StatusIs(StatusCode::kNotFound));
  }
  csi::v1::ValidateVolumeCapabilitiesRequest validate;
  validate.set_volume_id(volume.id());
  *validate.add_volume_capabilities() = options().capability;
  EXPECT_THAT(driver().Call(&Controller::ValidateVolumeCapabilities, validate),
              StatusIs(StatusCode::kNotFound));
  if (driver().Announces(NodeRpc::STAGE_UNSTAGE_VOLUME)) {
    EXPECT_THAT(volume.Stage(), StatusIs(StatusCode::kNotFound));
  }
  EXPECT_THAT(volume.Publish(), StatusIs(StatusCode::kNotFound));
  EXPECT_FALSE(Exists(volume.Target()));
}

// "DeleteVolume": snapshots "MUST still be fully operational and acceptable as sources for new
// volumes as well as appear on ListSnapshot calls", or the volume "MUST NOT be altered".
TEST_F(DeleteVolumeConformance, SnapshotsOutliveTheirVolume) {
  REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  ASSERT_OK(volume.Stop());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(volume.id()));
  const absl::Status deleted = DeleteVolume(volume.id());
  if (!deleted.ok()) {
    EXPECT_THAT(deleted, StatusIs(StatusCode::kFailedPrecondition));
    ASSERT_OK(volume.Start());
    EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
    return;
  }
  if (driver().Announces(ControllerRpc::LIST_SNAPSHOTS)) {
    EXPECT_TRUE(IsListed(snapshot.snapshot_id()));
  }
  if (driver().Announces(ControllerRpc::GET_SNAPSHOT)) {
    csi::v1::GetSnapshotRequest request;
    request.set_snapshot_id(snapshot.snapshot_id());
    ASSERT_OK_AND_ASSIGN(const auto got, driver().Call(&Controller::GetSnapshot, request));
    EXPECT_EQ(got.snapshot().source_volume_id(), volume.id());
    EXPECT_TRUE(got.snapshot().ready_to_use());
  }
  // Where it is a block volume's, its metadata are a part of that.
  if (driver().Announces(PluginService::SNAPSHOT_METADATA_SERVICE) && driver().IsBlock()) {
    csi::v1::GetMetadataAllocatedRequest request;
    request.set_snapshot_id(snapshot.snapshot_id());
    EXPECT_OK(driver().Stream(&SnapshotMetadata::GetMetadataAllocated, request,
                              [](const csi::v1::GetMetadataAllocatedResponse&) { return true; }));
  }
  csi::v1::CreateVolumeRequest restore = VolumeRequest("restored");
  restore.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(
      snapshot.snapshot_id());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored, Create(restore));
  NodeVolume on_node = OnNode(restored, "restored");
  ASSERT_OK(on_node.Start());
  EXPECT_THAT(on_node.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// What was made from it is a volume of its own.
TEST_F(DeleteVolumeConformance, ClonesOutliveTheirSource) {
  REQUIRE_ANNOUNCED(ControllerRpc::CLONE_VOLUME);
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  ASSERT_OK(volume.Stop());
  csi::v1::CreateVolumeRequest clone = VolumeRequest("clone");
  clone.mutable_volume_content_source()->mutable_volume()->set_volume_id(volume.id());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume cloned, Create(clone));
  EXPECT_OK(DeleteVolume(volume.id()));
  NodeVolume on_node = OnNode(cloned, "clone");
  ASSERT_OK(on_node.Start());
  EXPECT_THAT(on_node.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

}  // namespace
}  // namespace nodevol::testing

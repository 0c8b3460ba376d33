// SPDX-License-Identifier: Apache-2.0
//
// Group 10, ControllerGetVolume and GetSnapshot. The group of a snapshot is in
// group_snapshot_test.cc.
#include <string>

#include "google/protobuf/util/message_differencer.h"

#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class GetVolumeConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::GET_VOLUME);
  }
  static absl::StatusOr<csi::v1::ControllerGetVolumeResponse> Get(const std::string& id) {
    csi::v1::ControllerGetVolumeRequest request;
    request.set_volume_id(id);
    return driver().Call(&Controller::ControllerGetVolume, request);
  }
};

// ControllerGetVolumeResponse: volume and status are REQUIRED.
TEST_F(GetVolumeConformance, VolumeIsAsItWasMade) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK_AND_ASSIGN(const auto got, Get(volume.volume_id()));
  EXPECT_TRUE(MessageDifferencer::Equals(got.volume(), volume))
      << got.volume().ShortDebugString() << "\nand " << volume.ShortDebugString();
  EXPECT_TRUE(got.has_status());
}

TEST_F(GetVolumeConformance, PublishedNodesAreThose) {
  REQUIRE_ANNOUNCED(ControllerRpc::LIST_VOLUMES_PUBLISHED_NODES);
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  NodeVolume on_node = OnNode(volume);
  ASSERT_OK(on_node.Attach());
  ASSERT_OK_AND_ASSIGN(const auto attached, Get(volume.volume_id()));
  EXPECT_THAT(attached.status().published_node_ids(), ElementsAre(driver().node().node_id()));
  ASSERT_OK(on_node.Detach());
  ASSERT_OK_AND_ASSIGN(const auto detached, Get(volume.volume_id()));
  EXPECT_THAT(detached.status().published_node_ids(), IsEmpty());
}

// "ControllerGetVolume Errors"; volume_id is REQUIRED.
TEST_F(GetVolumeConformance, UnknownVolumeIsNotFoundAndNoneIsInvalid) {
  EXPECT_THAT(Get("no-such-volume"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Get(""), StatusIs(StatusCode::kInvalidArgument));
}

class GetSnapshotConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
    REQUIRE_ANNOUNCED(ControllerRpc::GET_SNAPSHOT);
  }
  static absl::StatusOr<csi::v1::GetSnapshotResponse> Get(const std::string& id) {
    csi::v1::GetSnapshotRequest request;
    request.set_snapshot_id(id);
    return driver().Call(&Controller::GetSnapshot, request);
  }
};

// "GetSnapshot": current information, once it is cut, ready or not.
TEST_F(GetSnapshotConformance, SnapshotIsAsItWasMade) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  const csi::v1::CreateSnapshotRequest request = SnapshotRequest(volume.volume_id());
  ASSERT_OK_AND_ASSIGN(const auto cut, driver().Call(&Controller::CreateSnapshot, request));
  traces().AddSnapshot(cut.snapshot().snapshot_id());
  EXPECT_OK(Get(cut.snapshot().snapshot_id())) << "it has just been cut";
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, Create(request));
  ASSERT_OK_AND_ASSIGN(const auto got, Get(snapshot.snapshot_id()));
  EXPECT_TRUE(MessageDifferencer::Equals(got.snapshot(), snapshot))
      << got.snapshot().ShortDebugString() << "\nand " << snapshot.ShortDebugString();
}

// "GetSnapshot Errors"; snapshot_id is REQUIRED.
TEST_F(GetSnapshotConformance, UnknownSnapshotIsNotFoundAndNoneIsInvalid) {
  EXPECT_THAT(Get("no-such-snapshot"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Get(""), StatusIs(StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(volume.volume_id()));
  ASSERT_OK(DeleteSnapshot(snapshot.snapshot_id()));
  EXPECT_THAT(Get(snapshot.snapshot_id()), StatusIs(StatusCode::kNotFound)) << "deleted";
}

}  // namespace
}  // namespace nodevol::testing

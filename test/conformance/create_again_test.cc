// SPDX-License-Identifier: Apache-2.0
//
// Group 3, CreateVolume of a name that exists: one and the same volume, or ALREADY_EXISTS. That a
// retry after the plugin was killed at any step gives a whole volume or none is shown by
// test/crash/kill_test.cc, which owns the process.
#include <string>

#include "google/protobuf/util/message_differencer.h"

#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using ::testing::Ge;

constexpr int kTimes = 10;

class CreateAgainConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    request_ = VolumeRequest();
    ASSERT_OK_AND_ASSIGN(volume_, Create(request_));
  }

  // The request, asked for again and again, is answered with this volume.
  void ExpectSame(const csi::v1::CreateVolumeRequest& request, const csi::v1::Volume& volume) {
    for (int i = 0; i < kTimes; ++i) {
      ASSERT_OK_AND_ASSIGN(const csi::v1::Volume again, Create(request));
      ASSERT_TRUE(MessageDifferencer::Equals(again, volume))
          << again.ShortDebugString() << "\nand " << volume.ShortDebugString();
    }
  }
  void ExpectTaken(const csi::v1::CreateVolumeRequest& request) {
    EXPECT_THAT(Create(request), StatusIs(StatusCode::kAlreadyExists));
    EXPECT_THAT(Create(request_), IsOkAndHolds(HasId(volume_.volume_id())));
  }
  static ::testing::Matcher<const csi::v1::Volume&> HasId(const std::string& id) {
    return ::testing::Property("volume_id", &csi::v1::Volume::volume_id, id);
  }

  csi::v1::CreateVolumeRequest request_;
  csi::v1::Volume volume_;
};

// "CreateVolume": compatible in all that is named there, OK and the corresponding volume.
TEST_F(CreateAgainConformance, SameRequestIsTheSameVolume) { ExpectSame(request_, volume_); }

// CapacityRange: what the volume has is in this range too.
TEST_F(CreateAgainConformance, RangeThatTheVolumeFitsIsTheSameVolume) {
  csi::v1::CreateVolumeRequest request = request_;
  request.mutable_capacity_range()->set_required_bytes(Bytes() / 2);
  request.mutable_capacity_range()->set_limit_bytes(4 * volume_.capacity_bytes());
  EXPECT_THAT(Create(request), IsOkAndHolds(HasId(volume_.volume_id())));
}

TEST_F(CreateAgainConformance, LargerSizeIsAlreadyExists) {
  csi::v1::CreateVolumeRequest request = request_;
  request.mutable_capacity_range()->set_required_bytes(volume_.capacity_bytes() + Bytes());
  ExpectTaken(request);
}

TEST_F(CreateAgainConformance, SmallerLimitIsAlreadyExists) {
  ASSERT_THAT(volume_.capacity_bytes(), Ge(Bytes()));
  csi::v1::CreateVolumeRequest request = request_;
  request.mutable_capacity_range()->set_required_bytes(1);
  request.mutable_capacity_range()->set_limit_bytes(volume_.capacity_bytes() - 1);
  ExpectTaken(request);
}

TEST_F(CreateAgainConformance, OtherAccessTypeIsNotTheSameVolume) {
  csi::v1::CreateVolumeRequest request = request_;
  request.clear_volume_capabilities();
  *request.add_volume_capabilities() = driver().IsBlock() ? MountCapability() : BlockCapability();
  // Parameters may rule it out whatever there is.
  EXPECT_THAT(Create(request),
              StatusIsEither(StatusCode::kAlreadyExists, StatusCode::kInvalidArgument));
}

TEST_F(CreateAgainConformance, OtherAccessModeIsAlreadyExists) {
  REQUIRE_ANNOUNCED(ControllerRpc::SINGLE_NODE_MULTI_WRITER);
  csi::v1::CreateVolumeRequest request = request_;
  *request.mutable_volume_capabilities(0) =
      InMode(options().capability, AccessMode::SINGLE_NODE_MULTI_WRITER);
  // It is no other volume where one is like the other to the driver.
  const absl::StatusOr<csi::v1::Volume> answer = Create(request);
  if (answer.ok()) {
    EXPECT_EQ(answer->volume_id(), volume_.volume_id());
  } else {
    EXPECT_THAT(answer, StatusIs(StatusCode::kAlreadyExists));
  }
}

TEST_F(CreateAgainConformance, OtherParametersAreNotTheSameVolume) {
  csi::v1::CreateVolumeRequest request = request_;
  (*request.mutable_parameters())["conformance.example/other"] = "value";
  EXPECT_THAT(Create(request),
              StatusIsEither(StatusCode::kAlreadyExists, StatusCode::kInvalidArgument));
  if (options().parameters.empty()) return;
  request.clear_parameters();
  EXPECT_THAT(Create(request),
              StatusIsEither(StatusCode::kAlreadyExists, StatusCode::kInvalidArgument));
}

TEST_F(CreateAgainConformance, OtherMutableParametersAreAlreadyExists) {
  REQUIRE_ANNOUNCED(ControllerRpc::MODIFY_VOLUME);
  if (options().mutable_parameters.empty()) GTEST_SKIP() << "no --mutable-parameters";
  csi::v1::CreateVolumeRequest request = request_;
  request.mutable_mutable_parameters()->insert(options().mutable_parameters.begin(),
                                               options().mutable_parameters.end());
  ExpectTaken(request);
}

TEST_F(CreateAgainConformance, OtherTopologyIsAlreadyExists) {
  REQUIRE_ANNOUNCED(PluginService::VOLUME_ACCESSIBILITY_CONSTRAINTS);
  csi::v1::CreateVolumeRequest request = request_;
  csi::v1::Topology& elsewhere = *request.mutable_accessibility_requirements()->add_requisite();
  elsewhere = driver().node().accessible_topology();
  for (auto& [key, value] : *elsewhere.mutable_segments()) value = "elsewhere";
  ExpectTaken(request);
}

TEST_F(CreateAgainConformance, SameSnapshotIsTheSameVolumeAndAnotherIsAlreadyExists) {
  REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
  ASSERT_OK_AND_ASSIGN(const auto first, CreateSnapshot(volume_.volume_id(), "first"));
  ASSERT_OK_AND_ASSIGN(const auto second, CreateSnapshot(volume_.volume_id(), "second"));
  csi::v1::CreateVolumeRequest restore = VolumeRequest("restored");
  restore.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(first.snapshot_id());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored, Create(restore));
  EXPECT_TRUE(
      MessageDifferencer::Equals(restored.content_source(), restore.volume_content_source()))
      << restored.ShortDebugString();
  ExpectSame(restore, restored);
  restore.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(
      second.snapshot_id());
  EXPECT_THAT(Create(restore), StatusIs(StatusCode::kAlreadyExists));
  restore.clear_volume_content_source();
  EXPECT_THAT(Create(restore), StatusIs(StatusCode::kAlreadyExists)) << "without a source";
  csi::v1::CreateVolumeRequest request = request_;
  request.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(first.snapshot_id());
  ExpectTaken(request);
}

TEST_F(CreateAgainConformance, SameSourceVolumeIsTheSameVolumeAndAnotherIsAlreadyExists) {
  REQUIRE_ANNOUNCED(ControllerRpc::CLONE_VOLUME);
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume other, CreateVolume("other"));
  csi::v1::CreateVolumeRequest clone = VolumeRequest("clone");
  clone.mutable_volume_content_source()->mutable_volume()->set_volume_id(volume_.volume_id());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume cloned, Create(clone));
  EXPECT_TRUE(MessageDifferencer::Equals(cloned.content_source(), clone.volume_content_source()))
      << cloned.ShortDebugString();
  ExpectSame(clone, cloned);
  clone.mutable_volume_content_source()->mutable_volume()->set_volume_id(other.volume_id());
  EXPECT_THAT(Create(clone), StatusIs(StatusCode::kAlreadyExists));
}

// "CreateVolume, DeleteVolume, ListVolumes": a name is the CO's.
TEST_F(CreateAgainConformance, NameOfADeletedVolumeIsFree) {
  ASSERT_OK(DeleteVolume(volume_.volume_id()));
  csi::v1::CreateVolumeRequest request = request_;
  request.mutable_capacity_range()->set_required_bytes(2 * Bytes());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume another, Create(request));
  EXPECT_THAT(another.capacity_bytes(), Ge(2 * Bytes()));
}

}  // namespace
}  // namespace nodevol::testing

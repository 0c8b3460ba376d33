// SPDX-License-Identifier: Apache-2.0
//
// Group 7, ControllerPublishVolume and ControllerUnpublishVolume. A volume that is published to
// another node needs another node: storage/publication_test.cc.
#include <string>

#include "google/protobuf/util/message_differencer.h"

#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;

class ControllerPublishConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::PUBLISH_UNPUBLISH_VOLUME);
    csi::v1::CreateVolumeRequest create = VolumeRequest();
    if (driver().Announces(ControllerRpc::SINGLE_NODE_MULTI_WRITER)) {
      *create.add_volume_capabilities() = OtherCapability();
    }
    ASSERT_OK_AND_ASSIGN(volume_, Create(create));
  }

  [[nodiscard]] static csi::v1::VolumeCapability OtherCapability() {
    return InMode(options().capability, AccessMode::SINGLE_NODE_MULTI_WRITER);
  }
  [[nodiscard]] csi::v1::ControllerPublishVolumeRequest Request() const {
    csi::v1::ControllerPublishVolumeRequest request;
    request.set_volume_id(volume_.volume_id());
    request.set_node_id(driver().node().node_id());
    *request.mutable_volume_capability() = options().capability;
    *request.mutable_volume_context() = volume_.volume_context();
    return request;
  }
  absl::StatusOr<csi::v1::ControllerPublishVolumeResponse> Publish(
      const csi::v1::ControllerPublishVolumeRequest& request) {
    traces().AddAttachment(request.volume_id());
    return driver().Call(&Controller::ControllerPublishVolume, request);
  }
  absl::Status Unpublish(const std::string& volume_id, const std::string& node_id) {
    csi::v1::ControllerUnpublishVolumeRequest request;
    request.set_volume_id(volume_id);
    request.set_node_id(node_id);
    return driver().Call(&Controller::ControllerUnpublishVolume, request).status();
  }

  csi::v1::Volume volume_;
};

// "ControllerPublishVolume": OK again; publish_context "SHALL NOT be mutable".
TEST_F(ControllerPublishConformance, PublishedAgainIsOkWithTheSameContext) {
  ASSERT_OK_AND_ASSIGN(const auto first, Publish(Request()));
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto again, Publish(Request()));
    EXPECT_TRUE(MessageDifferencer::Equals(again, first)) << again.ShortDebugString();
  }
}

// "ControllerPublishVolume Errors", Volume published but is incompatible.
TEST_F(ControllerPublishConformance, OtherCapabilityIsAlreadyExists) {
  REQUIRE_ANNOUNCED(ControllerRpc::SINGLE_NODE_MULTI_WRITER);
  ASSERT_OK(Publish(Request()));
  csi::v1::ControllerPublishVolumeRequest other = Request();
  *other.mutable_volume_capability() = OtherCapability();
  EXPECT_THAT(Publish(other), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_OK(Publish(Request()));
}

TEST_F(ControllerPublishConformance, OtherReadonlyFlagIsAlreadyExists) {
  REQUIRE_ANNOUNCED(ControllerRpc::PUBLISH_READONLY);
  ASSERT_OK(Publish(Request()));
  csi::v1::ControllerPublishVolumeRequest other = Request();
  other.set_readonly(true);
  EXPECT_THAT(Publish(other), StatusIs(StatusCode::kAlreadyExists));
  ASSERT_OK(Unpublish(volume_.volume_id(), driver().node().node_id()));
  EXPECT_OK(Publish(other));
  EXPECT_THAT(Publish(Request()), StatusIs(StatusCode::kAlreadyExists));
}

// ControllerPublishVolumeRequest.volume_capability: "SP MUST ensure the CO can use" it so.
TEST_F(ControllerPublishConformance, CapabilityThatTheVolumeLacksIsRefused) {
  csi::v1::CreateVolumeRequest both = VolumeRequest("both");
  const csi::v1::VolumeCapability other_type =
      driver().IsBlock() ? MountCapability() : BlockCapability();
  *both.add_volume_capabilities() = other_type;
  if (Create(both).ok()) GTEST_SKIP() << "volumes are of both access types";
  csi::v1::ControllerPublishVolumeRequest request = Request();
  *request.mutable_volume_capability() = other_type;
  EXPECT_THAT(Publish(request),
              StatusIsEither(StatusCode::kInvalidArgument, StatusCode::kFailedPrecondition));
  request.mutable_volume_capability()->clear_access_type();
  EXPECT_THAT(Publish(request), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(Publish(Request()));
}

// "ControllerPublishVolume Errors": the node does not exist, or the volume is on another, which the
// message should name.
TEST_F(ControllerPublishConformance, OfAPublishedVolumeAnotherNodeIsRefused) {
  ASSERT_OK(Publish(Request()));
  csi::v1::ControllerPublishVolumeRequest elsewhere = Request();
  elsewhere.set_node_id("no-such-node");
  const auto answer = Publish(elsewhere);
  EXPECT_THAT(answer, StatusIsEither(StatusCode::kNotFound, StatusCode::kFailedPrecondition));
  if (absl::IsFailedPrecondition(answer.status())) {
    EXPECT_THAT(std::string(answer.status().message()), HasSubstr(driver().node().node_id()));
  }
  EXPECT_OK(Publish(Request()));
}

// ControllerUnpublishVolumeRequest.node_id: unset, "the SP MUST unpublish the volume from all".
TEST_F(ControllerPublishConformance, UnpublishWithoutANodeIsFromAllNodes) {
  ASSERT_OK(Publish(Request()));
  EXPECT_OK(Unpublish(volume_.volume_id(), ""));
  EXPECT_OK(DeleteVolume(volume_.volume_id())) << "it is published to no node any more";
}

TEST_F(ControllerPublishConformance, UnpublishFromAnotherNodeLeavesItPublished) {
  ASSERT_OK(Publish(Request()));
  // The node is not known and the volume not there: "safely regarded as ControllerUnpublished".
  EXPECT_OK(Unpublish(volume_.volume_id(), "no-such-node"));
  EXPECT_THAT(DeleteVolume(volume_.volume_id()), StatusIs(StatusCode::kFailedPrecondition));
}

// "ControllerUnpublishVolume": OK when it is not published, SHOULD be OK when nothing is known.
TEST_F(ControllerPublishConformance, UnpublishOfWhatIsNotPublishedIsOk) {
  const std::string node = driver().node().node_id();
  EXPECT_OK(Unpublish(volume_.volume_id(), node)) << "never published";
  ASSERT_OK(Publish(Request()));
  EXPECT_OK(Unpublish(volume_.volume_id(), node));
  EXPECT_OK(Unpublish(volume_.volume_id(), node)) << "unpublished";
  ASSERT_OK(DeleteVolume(volume_.volume_id()));
  EXPECT_OK(Unpublish(volume_.volume_id(), node)) << "deleted";
  EXPECT_OK(Unpublish("no-such-volume", node)) << "unknown";
}

// "ControllerPublishVolume Errors", Max volumes attached; NodeGetInfoResponse.max_volumes_per_node.
TEST_F(ControllerPublishConformance, MoreThanTheNodeTakesIsResourceExhausted) {
  const int64_t most = driver().node().max_volumes_per_node();
  if (most < 1 || most > 16) GTEST_SKIP() << "the node names no small limit";
  for (int64_t i = 0; i <= most; ++i) {
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume(absl::StrCat("volume-", i)));
    csi::v1::ControllerPublishVolumeRequest request = Request();
    request.set_volume_id(volume.volume_id());
    *request.mutable_volume_context() = volume.volume_context();
    const auto published = Publish(request);
    if (i < most) {
      ASSERT_OK(published) << i;
    } else {
      EXPECT_THAT(published, StatusIs(StatusCode::kResourceExhausted));
    }
  }
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// Group 8, ValidateVolumeCapabilities: an answer that a CO can compare with its question.
#include <string>

#include "google/protobuf/util/message_differencer.h"

#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::IsEmpty;
using ::testing::Not;

using Response = csi::v1::ValidateVolumeCapabilitiesResponse;

class ValidateConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_OK_AND_ASSIGN(volume_, CreateVolume());
  }
  [[nodiscard]] csi::v1::ValidateVolumeCapabilitiesRequest Request() const {
    csi::v1::ValidateVolumeCapabilitiesRequest request;
    request.set_volume_id(volume_.volume_id());
    *request.add_volume_capabilities() = options().capability;
    return request;
  }
  static Response Validate(const csi::v1::ValidateVolumeCapabilitiesRequest& request) {
    const absl::StatusOr<Response> response =
        driver().Call(&Controller::ValidateVolumeCapabilities, request);
    EXPECT_OK(response) << "what is not supported is an answer, no error";
    return response.value_or(Response());
  }
  void ExpectUnconfirmed(const csi::v1::ValidateVolumeCapabilitiesRequest& request) {
    const Response response = Validate(request);
    EXPECT_FALSE(response.has_confirmed() && response.confirmed().ByteSizeLong() > 0)
        << response.ShortDebugString();
  }
  // False where volumes are made with these capabilities beside the usual one.
  bool IsImpossible(const csi::v1::VolumeCapability& capability) {
    csi::v1::CreateVolumeRequest request = VolumeRequest("impossible");
    *request.add_volume_capabilities() = capability;
    return !Create(request).ok();
  }

  csi::v1::Volume volume_;
};

// ValidateVolumeCapabilitiesResponse.Confirmed.
TEST_F(ValidateConformance, WhatWasCheckedIsConfirmed) {
  csi::v1::ValidateVolumeCapabilitiesRequest request = Request();
  *request.mutable_volume_context() = volume_.volume_context();
  request.mutable_parameters()->insert(options().parameters.begin(), options().parameters.end());
  const Response response = Validate(request);
  ASSERT_TRUE(response.has_confirmed()) << response.ShortDebugString();
  csi::v1::ValidateVolumeCapabilitiesResponse::Confirmed expected;
  *expected.mutable_volume_capabilities() = request.volume_capabilities();
  *expected.mutable_volume_context() = request.volume_context();
  *expected.mutable_parameters() = request.parameters();
  EXPECT_TRUE(MessageDifferencer::Equals(response.confirmed(), expected))
      << response.confirmed().ShortDebugString() << "\nand " << expected.ShortDebugString();
}

// The CO compares: what it did not ask for must not be there.
TEST_F(ValidateConformance, OnlyWhatWasCheckedIsConfirmed) {
  const Response response = Validate(Request());
  ASSERT_TRUE(response.has_confirmed()) << response.ShortDebugString();
  EXPECT_EQ(response.confirmed().volume_capabilities_size(), 1);
  EXPECT_THAT(response.confirmed().volume_context(), IsEmpty());
  EXPECT_THAT(response.confirmed().parameters(), IsEmpty());
  EXPECT_THAT(response.confirmed().mutable_parameters(), IsEmpty());
}

// "SHALL return confirmed only if all the volume capabilities ... are supported".
TEST_F(ValidateConformance, UnsupportedModeIsNotConfirmed) {
  const csi::v1::VolumeCapability impossible =
      InMode(options().capability, AccessMode::MULTI_NODE_MULTI_WRITER);
  if (!IsImpossible(impossible)) GTEST_SKIP() << "the driver has volumes for several nodes";
  csi::v1::ValidateVolumeCapabilitiesRequest request = Request();
  *request.add_volume_capabilities() = impossible;
  ExpectUnconfirmed(request);
  EXPECT_THAT(Validate(request).message(), Not(IsEmpty()));
  request = Request();
  *request.mutable_volume_capabilities(0) = impossible;
  ExpectUnconfirmed(request);
}

TEST_F(ValidateConformance, OtherAccessTypeIsNotConfirmed) {
  const csi::v1::VolumeCapability other =
      driver().IsBlock() ? MountCapability() : BlockCapability();
  if (!IsImpossible(other)) GTEST_SKIP() << "volumes are of both access types";
  csi::v1::ValidateVolumeCapabilitiesRequest request = Request();
  *request.mutable_volume_capabilities(0) = other;
  ExpectUnconfirmed(request);
}

TEST_F(ValidateConformance, OtherParametersAreNotConfirmed) {
  csi::v1::ValidateVolumeCapabilitiesRequest request = Request();
  (*request.mutable_parameters())["conformance.example/no-such-parameter"] = "value";
  ExpectUnconfirmed(request);
}

// volume_context "MUST match the volume_context of the volume".
TEST_F(ValidateConformance, OtherVolumeContextIsNotConfirmed) {
  csi::v1::ValidateVolumeCapabilitiesRequest request = Request();
  (*request.mutable_volume_context())["conformance.example/other"] = "value";
  ExpectUnconfirmed(request);
}

TEST_F(ValidateConformance, UnknownMutableParametersAreNotConfirmed) {
  csi::v1::ValidateVolumeCapabilitiesRequest request = Request();
  (*request.mutable_mutable_parameters())["conformance.example/no-such-parameter"] = "value";
  ExpectUnconfirmed(request);
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "controller/controller_fixture.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class ValidateCapabilitiesTest : public ControllerFixture {
 protected:
  void SetUp() override {
    csi::v1::CreateVolumeRequest create = VolumeRequest("pvc-1");
    (*create.mutable_parameters())["pool"] = "fake";
    request_.set_volume_id(MakeVolume(create));
    *request_.add_volume_capabilities() = MountCapability();
  }

  [[nodiscard]] absl::StatusOr<csi::v1::ValidateVolumeCapabilitiesResponse> Validate() const {
    return handler_.ValidateCapabilities(request_);
  }
  void ExpectConfirmed() const {
    ASSERT_OK_AND_ASSIGN(const auto response, Validate());
    EXPECT_TRUE(response.has_confirmed());
    EXPECT_EQ(response.message(), "");
  }
  void ExpectNotConfirmed(const std::string& word) const {
    ASSERT_OK_AND_ASSIGN(const auto response, Validate());
    EXPECT_FALSE(response.has_confirmed());
    EXPECT_THAT(response.message(), HasSubstr(word));
  }

  csi::v1::ValidateVolumeCapabilitiesRequest request_;
};

TEST_F(ValidateCapabilitiesTest, ConfirmedEchoesOnlyWhatWasAsked) {
  ASSERT_OK_AND_ASSIGN(const auto bare, Validate());
  ASSERT_EQ(bare.confirmed().volume_capabilities_size(), 1);
  EXPECT_EQ(bare.confirmed().volume_capabilities(0).SerializeAsString(),
            MountCapability().SerializeAsString());
  EXPECT_THAT(bare.confirmed().parameters(), IsEmpty());
  EXPECT_THAT(bare.confirmed().volume_context(), IsEmpty());
  EXPECT_THAT(bare.confirmed().mutable_parameters(), IsEmpty());

  (*request_.mutable_parameters())["pool"] = "fake";
  (*request_.mutable_volume_context())["pool"] = "fake";
  ASSERT_OK_AND_ASSIGN(const auto full, Validate());
  EXPECT_THAT(full.confirmed().parameters(), UnorderedElementsAre(Pair("pool", "fake")));
  EXPECT_THAT(full.confirmed().volume_context(), UnorderedElementsAre(Pair("pool", "fake")));
}

TEST_F(ValidateCapabilitiesTest, EveryCapabilityMustHold) {
  *request_.add_volume_capabilities() = MountCapability(Mode::SINGLE_NODE_MULTI_WRITER);
  ExpectConfirmed();
  *request_.add_volume_capabilities() = BlockCapability();
  ExpectNotConfirmed("raw block device");
}

TEST_F(ValidateCapabilitiesTest, CapabilityThatNoVolumeHasIsNotConfirmed) {
  csi::v1::VolumeCapability& capability = *request_.mutable_volume_capabilities(0);
  capability = MountCapability(Mode::MULTI_NODE_MULTI_WRITER);
  ExpectNotConfirmed("MULTI_NODE_MULTI_WRITER");
  capability = MountCapability(Mode::UNKNOWN);
  ExpectNotConfirmed("access mode");
  capability = MountCapability();
  capability.clear_access_type();
  ExpectNotConfirmed("access type");
  capability = MountCapability();
  capability.mutable_mount()->set_fs_type("xfs");
  ExpectNotConfirmed("xfs");
  capability = MountCapability();
  capability.mutable_mount()->set_volume_mount_group("1000");
  ExpectNotConfirmed("volume_mount_group");
}

TEST_F(ValidateCapabilitiesTest, OtherParametersAreNotConfirmed) {
  (*request_.mutable_parameters())["pool"] = "other";
  ExpectNotConfirmed("parameters");
  request_.clear_parameters();
  (*request_.mutable_parameters())["backend"] = "image";
  ExpectNotConfirmed("parameters");
  (*request_.mutable_parameters())["pool"] = "fake";
  ExpectNotConfirmed("parameters");
}

TEST_F(ValidateCapabilitiesTest, OtherContextIsNotConfirmed) {
  (*request_.mutable_volume_context())["pool"] = "other";
  ExpectNotConfirmed("volume_context");
}

TEST_F(ValidateCapabilitiesTest, OnlyTheVolumesMutableParametersAreConfirmed) {
  (*request_.mutable_mutable_parameters())["iops"] = "1";
  ExpectNotConfirmed("\"iops\"");
  request_.mutable_mutable_parameters()->clear();
  (*request_.mutable_mutable_parameters())["undeleteWindow"] = "24h";
  ExpectNotConfirmed("mutable parameters");
  (*request_.mutable_mutable_parameters())["undeleteWindow"] = "0";
  ASSERT_OK_AND_ASSIGN(const auto response, Validate());
  EXPECT_EQ(response.confirmed().mutable_parameters().at("undeleteWindow"), "0");
}

TEST_F(ValidateCapabilitiesTest, ArgumentsComeBeforeExistence) {
  request_.set_volume_id(UnknownId());
  request_.clear_volume_capabilities();
  EXPECT_THAT(Validate(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("volume_capabilities")));
  request_.clear_volume_id();
  EXPECT_THAT(Validate(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("volume_id")));
}

TEST_F(ValidateCapabilitiesTest, UnknownVolumeIsNotFound) {
  for (const std::string& id : {UnknownId(), std::string("x"), std::string("../x")}) {
    request_.set_volume_id(id);
    EXPECT_THAT(Validate(), StatusIs(absl::StatusCode::kNotFound)) << id;
  }
}

}  // namespace
}  // namespace nodevol::controller

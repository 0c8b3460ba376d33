// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "controller/controller_fixture.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class CreateVolumeTest : public ControllerFixture {
 protected:
  absl::StatusOr<csi::v1::Volume> Create(const csi::v1::CreateVolumeRequest& request) {
    auto response = Call(&ControllerHandler::CreateVolume, request);
    if (!response.ok()) return response.status();
    return response->volume();
  }
  // The request is refused with this word in the message, before the storage hears of it.
  void ExpectInvalid(const csi::v1::CreateVolumeRequest& request, const std::string& word) {
    EXPECT_THAT(Create(request), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(word)));
    EXPECT_EQ(storage_.changes_asked, 0);
  }
};

TEST_F(CreateVolumeTest, AnswerDescribesTheVolume) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(VolumeRequest("pvc-1")));
  EXPECT_EQ(volume.volume_id(), storage::VolumeId::ForName(FakeNodeStorage::kPool, "pvc-1").text());
  EXPECT_EQ(volume.capacity_bytes(), 1 << 30);
  EXPECT_THAT(volume.volume_context(), UnorderedElementsAre(Pair("pool", "fake")));
  EXPECT_FALSE(volume.has_content_source());
  ASSERT_EQ(volume.accessible_topology_size(), 1);
  EXPECT_THAT(volume.accessible_topology(0).segments(),
              UnorderedElementsAre(Pair(kTopologyKey, "node-1")));
}

TEST_F(CreateVolumeTest, RequestReachesTheStorageWhole) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  request.mutable_capacity_range()->set_limit_bytes(int64_t{2} << 30);
  request.mutable_volume_capabilities(0)->mutable_mount()->set_fs_type("xfs");
  request.mutable_volume_capabilities(0)->mutable_mount()->add_mount_flags("noatime");
  *request.add_volume_capabilities() = MountCapability(Mode::SINGLE_NODE_MULTI_WRITER);
  (*request.mutable_parameters())["pool"] = "ssd";
  (*request.mutable_secrets())["password"] = "canary";
  ASSERT_OK(Create(request));
  const v1::VolumeRequest& seen = storage_.volumes.begin()->second->request();
  EXPECT_EQ(seen.name(), "pvc-1");
  EXPECT_EQ(seen.capacity_range().required_bytes(), 1 << 30);
  EXPECT_EQ(seen.capacity_range().limit_bytes(), int64_t{2} << 30);
  ASSERT_EQ(seen.capabilities_size(), 2);
  EXPECT_EQ(seen.capabilities(0).mount().fs_type(), "xfs");
  EXPECT_THAT(seen.capabilities(0).mount().mount_flags(), ElementsAre("noatime"));
  EXPECT_EQ(seen.capabilities(1).access_mode(), v1::SINGLE_NODE_MULTI_WRITER);
  EXPECT_THAT(seen.parameters(), UnorderedElementsAre(Pair("pool", "ssd")));
  EXPECT_EQ(seen.DebugString().find("canary"), std::string::npos) << "secrets are not stored";
}

TEST_F(CreateVolumeTest, NameAndCapabilitiesAreRequired) {
  ExpectInvalid(VolumeRequest(""), "name");
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  request.clear_volume_capabilities();
  ExpectInvalid(request, "volume_capabilities");
}

TEST_F(CreateVolumeTest, CapabilityThatNoVolumeHasIsRefused) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  csi::v1::VolumeCapability& capability = *request.mutable_volume_capabilities(0);
  capability.clear_access_type();
  ExpectInvalid(request, "access type");
  capability = MountCapability(Mode::UNKNOWN);
  ExpectInvalid(request, "access mode");
  capability = MountCapability(static_cast<Mode::Mode>(99));
  ExpectInvalid(request, "access mode 99");
  capability = MountCapability(Mode::MULTI_NODE_MULTI_WRITER);
  ExpectInvalid(request, "MULTI_NODE_MULTI_WRITER");
  capability = MountCapability();
  capability.clear_access_mode();
  ExpectInvalid(request, "access mode");
  capability = MountCapability();
  capability.mutable_mount()->set_fs_type("ntfs");
  ExpectInvalid(request, "ntfs");
}

TEST_F(CreateVolumeTest, OneBadCapabilityAmongGoodOnesIsRefused) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  *request.add_volume_capabilities() = MountCapability(Mode::MULTI_NODE_READER_ONLY);
  ExpectInvalid(request, "MULTI_NODE_READER_ONLY");
  *request.mutable_volume_capabilities(1) = BlockCapability();
  ExpectInvalid(request, "both");
}

TEST_F(CreateVolumeTest, MountGroupIsRefusedBecauseItWasNotAnnounced) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  request.mutable_volume_capabilities(0)->mutable_mount()->set_volume_mount_group("1000");
  ExpectInvalid(request, "volume_mount_group");
}

TEST_F(CreateVolumeTest, UnknownParameterIsNamed) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  (*request.mutable_parameters())["pol"] = "ssd";
  ExpectInvalid(request, "\"pol\"");
}

TEST_F(CreateVolumeTest, MutableParameterIsNamed) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  (*request.mutable_mutable_parameters())["iops"] = "1";
  ExpectInvalid(request, "\"iops\"");
}

TEST_F(CreateVolumeTest, SourceIsEchoedAlsoOnARetry) {
  csi::v1::CreateVolumeRequest clone = VolumeRequest("clone");
  clone.mutable_volume_content_source()->mutable_volume()->set_volume_id(UnknownId());
  csi::v1::CreateVolumeRequest restore = VolumeRequest("restore");
  restore.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(UnknownId());
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume cloned, Create(clone));
    EXPECT_EQ(cloned.content_source().volume().volume_id(), UnknownId());
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored, Create(restore));
    EXPECT_EQ(restored.content_source().snapshot().snapshot_id(), UnknownId());
  }
}

TEST_F(CreateVolumeTest, SourceWithoutTypeOrIdIsRefused) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("clone");
  request.mutable_volume_content_source();
  ExpectInvalid(request, "volume_content_source");
  request.mutable_volume_content_source()->mutable_volume();
  ExpectInvalid(request, "volume_id");
  request.mutable_volume_content_source()->mutable_snapshot();
  ExpectInvalid(request, "snapshot_id");
}

TEST_F(CreateVolumeTest, WhatTheStorageSaysIsTheAnswer) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kNotFound, absl::StatusCode::kAlreadyExists, absl::StatusCode::kAborted,
        absl::StatusCode::kOutOfRange, absl::StatusCode::kResourceExhausted,
        absl::StatusCode::kUnavailable}) {
    storage_.answer = absl::Status(code, "why");
    EXPECT_THAT(Create(VolumeRequest("pvc-1")), StatusIs(code, "why"));
  }
}

TEST_F(CreateVolumeTest, RequisiteThatHasThisNodeIsServed) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  auto& requirements = *request.mutable_accessibility_requirements();
  *requirements.add_requisite() = On("node-2");
  *requirements.add_requisite() = On("node-1");
  (*requirements.mutable_requisite(1)->mutable_segments())["topology.io/zone"] = "z";
  EXPECT_OK(Create(request));
}

TEST_F(CreateVolumeTest, RequisiteOfOtherNodesIsResourceExhausted) {
  for (const csi::v1::Topology& elsewhere : {On("node-2"), On(""), csi::v1::Topology()}) {
    csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
    *request.mutable_accessibility_requirements()->add_requisite() = elsewhere;
    EXPECT_THAT(Create(request),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("node-1")));
  }
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(CreateVolumeTest, RequisiteOfOtherNodesForANameThatExistsIsAlreadyExists) {
  MakeVolume("pvc-1");
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  *request.mutable_accessibility_requirements()->add_requisite() = On("node-2");
  EXPECT_THAT(Create(request), StatusIs(absl::StatusCode::kAlreadyExists,
                                        AllOf(HasSubstr("pvc-1"), HasSubstr("node-1"))));
}

TEST_F(CreateVolumeTest, PreferredAloneIsAWish) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  *request.mutable_accessibility_requirements()->add_preferred() = On("node-2");
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(request));
  EXPECT_THAT(volume.accessible_topology(0).segments(),
              UnorderedElementsAre(Pair(kTopologyKey, "node-1")));
}

TEST_F(CreateVolumeTest, ImpossibleRequestIsInvalidWhateverTheTopology) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("pvc-1");
  (*request.mutable_parameters())["pol"] = "ssd";
  *request.mutable_accessibility_requirements()->add_requisite() = On("node-2");
  ExpectInvalid(request, "\"pol\"");
}

}  // namespace
}  // namespace nodevol::controller

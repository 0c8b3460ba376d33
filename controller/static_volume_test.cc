// SPDX-License-Identifier: Apache-2.0
//
// What the controller says of static volumes: it neither has them nor does anything to them.
#include "controller/static_volume.h"

#include <string>

#include "controller/controller_fixture.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kId[] = "static:shared-data";
constexpr const char* kBadIds[] = {"static:", "static:.", "static:../x", "static:a/b",
                                   "static:a b"};

class StaticVolumeTest : public ControllerFixture {
 protected:
  static auto IsInvalid(const std::string& word) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(word));
  }
  static csi::v1::ControllerPublishVolumeRequest PublishRequest(const std::string& id = kId) {
    csi::v1::ControllerPublishVolumeRequest request;
    request.set_volume_id(id);
    request.set_node_id("node-1");
    *request.mutable_volume_capability() = MountCapability(Mode::MULTI_NODE_MULTI_WRITER);
    (*request.mutable_volume_context())["path"] = "/mnt/shared";
    return request;
  }
};

TEST_F(StaticVolumeTest, DeleteAndUnpublishAreDoneWithoutAskingTheDisk) {
  csi::v1::DeleteVolumeRequest remove;
  csi::v1::ControllerUnpublishVolumeRequest unpublish;
  for (int i = 0; i < 2; ++i) {
    remove.set_volume_id(kId);
    EXPECT_OK(Call(&ControllerHandler::DeleteVolume, remove));
    unpublish.set_volume_id(kId);
    EXPECT_OK(Call(&ControllerHandler::UnpublishVolume, unpublish));
  }
  for (const char* const id : kBadIds) {
    remove.set_volume_id(id);
    EXPECT_THAT(Call(&ControllerHandler::DeleteVolume, remove), IsInvalid("static:NAME"));
    unpublish.set_volume_id(id);
    EXPECT_THAT(Call(&ControllerHandler::UnpublishVolume, unpublish), IsInvalid("static:NAME"));
  }
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(StaticVolumeTest, PublishIsOkOnThisNodeInAnyMode) {
  csi::v1::ControllerPublishVolumeRequest request = PublishRequest();
  EXPECT_OK(Call(&ControllerHandler::PublishVolume, request));
  request.set_readonly(true);
  EXPECT_OK(Call(&ControllerHandler::PublishVolume, request));
  request.set_node_id("node-2");
  EXPECT_THAT(Call(&ControllerHandler::PublishVolume, request),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("node-2")));
  request = PublishRequest();
  *request.mutable_volume_capability() = BlockCapability();
  EXPECT_THAT(Call(&ControllerHandler::PublishVolume, request), IsInvalid("BlockDevice"));
  (*request.mutable_volume_context())["type"] = "BlockDevice";
  EXPECT_OK(Call(&ControllerHandler::PublishVolume, request));
  (*request.mutable_volume_context())["path"] = "../etc";
  EXPECT_THAT(Call(&ControllerHandler::PublishVolume, request), IsInvalid("path"));
  for (const char* const id : kBadIds) {
    EXPECT_THAT(Call(&ControllerHandler::PublishVolume, PublishRequest(id)),
                IsInvalid("static:NAME"));
  }
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(StaticVolumeTest, CapabilitiesAreConfirmed) {
  csi::v1::ValidateVolumeCapabilitiesRequest request;
  request.set_volume_id(kId);
  *request.add_volume_capabilities() = MountCapability(Mode::MULTI_NODE_MULTI_WRITER);
  const auto validate = [&] { return handler_.ValidateCapabilities(request); };
  ASSERT_OK_AND_ASSIGN(auto response, validate());
  EXPECT_EQ(response.confirmed().volume_capabilities_size(), 1);
  (*request.mutable_volume_context())["path"] = "/mnt/shared";
  ASSERT_OK_AND_ASSIGN(response, validate());
  EXPECT_EQ(response.confirmed().volume_context().at("path"), "/mnt/shared");
  *request.add_volume_capabilities() = BlockCapability();
  ASSERT_OK_AND_ASSIGN(response, validate());
  EXPECT_FALSE(response.has_confirmed());
  EXPECT_THAT(response.message(), HasSubstr("BlockDevice"));
  (*request.mutable_volume_context())["type"] = "BlockDevice";
  ASSERT_OK_AND_ASSIGN(response, validate());
  EXPECT_TRUE(response.has_confirmed());
  (*request.mutable_parameters())["pool"] = "fake";
  ASSERT_OK_AND_ASSIGN(response, validate());
  EXPECT_THAT(response.message(), HasSubstr("parameters"));
  request.set_volume_id("static:../x");
  EXPECT_THAT(validate(), IsInvalid("static:NAME"));
}

TEST_F(StaticVolumeTest, WhatNeedsAVolumeOfTheDriversIsRefusedWithTheReason) {
  csi::v1::ControllerExpandVolumeRequest expand;
  expand.set_volume_id(kId);
  expand.mutable_capacity_range()->set_required_bytes(1 << 30);
  EXPECT_THAT(Call(&ControllerHandler::ExpandVolume, expand), IsInvalid("be expanded"));
  csi::v1::CreateSnapshotRequest snapshot;
  snapshot.set_name("snapshot");
  snapshot.set_source_volume_id(kId);
  EXPECT_THAT(Call(&ControllerHandler::CreateSnapshot, snapshot), IsInvalid("be snapshotted"));
  csi::v1::CreateVolumeRequest clone = VolumeRequest("clone");
  clone.mutable_volume_content_source()->mutable_volume()->set_volume_id(kId);
  EXPECT_THAT(Call(&ControllerHandler::CreateVolume, clone), IsInvalid("be cloned"));
  csi::v1::ControllerGetVolumeRequest get;
  get.set_volume_id(kId);
  EXPECT_THAT(handler_.GetVolume(get),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("PersistentVolume")));
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(StaticVolumeTest, NoVolumeIsMadeThatLooksLikeOne) {
  EXPECT_FALSE(MakeVolume(kId).starts_with("static:"));
}

}  // namespace
}  // namespace nodevol::controller

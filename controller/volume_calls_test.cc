// SPDX-License-Identifier: Apache-2.0
//
// Calls about one volume: delete, publish, unpublish, expand, get.
#include <string>

#include "controller/controller_fixture.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class VolumeCallsTest : public ControllerFixture {
 protected:
  absl::Status Delete(const std::string& id) {
    csi::v1::DeleteVolumeRequest request;
    request.set_volume_id(id);
    return Call(&ControllerHandler::DeleteVolume, request).status();
  }
  static csi::v1::ControllerPublishVolumeRequest PublishRequest(const std::string& id) {
    csi::v1::ControllerPublishVolumeRequest request;
    request.set_volume_id(id);
    request.set_node_id("node-1");
    *request.mutable_volume_capability() = MountCapability();
    return request;
  }
  absl::Status Publish(const csi::v1::ControllerPublishVolumeRequest& request) {
    return Call(&ControllerHandler::PublishVolume, request).status();
  }
  absl::Status Unpublish(const std::string& id, const std::string& node) {
    csi::v1::ControllerUnpublishVolumeRequest request;
    request.set_volume_id(id);
    request.set_node_id(node);
    return Call(&ControllerHandler::UnpublishVolume, request).status();
  }
  static csi::v1::ControllerExpandVolumeRequest ExpandRequest(const std::string& id,
                                                              int64_t bytes) {
    csi::v1::ControllerExpandVolumeRequest request;
    request.set_volume_id(id);
    request.mutable_capacity_range()->set_required_bytes(bytes);
    return request;
  }
  absl::StatusOr<csi::v1::ControllerExpandVolumeResponse> Expand(
      const csi::v1::ControllerExpandVolumeRequest& request) {
    return Call(&ControllerHandler::ExpandVolume, request);
  }
  absl::StatusOr<csi::v1::ControllerGetVolumeResponse> Get(const std::string& id) {
    csi::v1::ControllerGetVolumeRequest request;
    request.set_volume_id(id);
    return handler_.GetVolume(request);
  }
};

TEST_F(VolumeCallsTest, DeleteRemovesAndMayBeRepeated) {
  const std::string id = MakeVolume("pvc-1");
  EXPECT_OK(Delete(id));
  EXPECT_THAT(storage_.volumes, IsEmpty());
  EXPECT_OK(Delete(id));
}

TEST_F(VolumeCallsTest, DeleteOfWhatIsNoIdOfOursIsDone) {
  for (const char* const id : kForeignIds) EXPECT_OK(Delete(id)) << id;
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(VolumeCallsTest, DeleteOfWhatLooksLikeAPathIsInvalid) {
  for (const char* const id : kClimbingIds) {
    EXPECT_THAT(Delete(id), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
  EXPECT_THAT(Delete(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("volume_id")));
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(VolumeCallsTest, DeleteOfAVolumeInUseIsWhatTheStorageSays) {
  const std::string id = MakeVolume("pvc-1");
  storage_.answer = absl::FailedPreconditionError("mounted at /x");
  EXPECT_THAT(Delete(id), StatusIs(absl::StatusCode::kFailedPrecondition, "mounted at /x"));
}

TEST_F(VolumeCallsTest, PublishIsSeenAndUnpublishTakesItBack) {
  const std::string id = MakeVolume("pvc-1");
  csi::v1::ControllerPublishVolumeRequest request = PublishRequest(id);
  request.set_readonly(true);
  ASSERT_OK(Publish(request));
  const v1::ControllerPublication& publication = storage_.volumes.at(id)->publication();
  EXPECT_EQ(publication.node_id(), "node-1");
  EXPECT_TRUE(publication.readonly());
  EXPECT_TRUE(publication.capability().has_mount());
  ASSERT_OK_AND_ASSIGN(const auto published, Get(id));
  EXPECT_THAT(published.status().published_node_ids(), ElementsAre("node-1"));
  EXPECT_OK(Unpublish(id, "node-1"));
  ASSERT_OK_AND_ASSIGN(const auto unpublished, Get(id));
  EXPECT_TRUE(unpublished.has_status());
  EXPECT_THAT(unpublished.status().published_node_ids(), IsEmpty());
}

TEST_F(VolumeCallsTest, PublishNeedsItsArguments) {
  const std::string id = MakeVolume("pvc-1");
  const auto expect_invalid = [this](const csi::v1::ControllerPublishVolumeRequest& request,
                                     const std::string& word) {
    EXPECT_THAT(Publish(request), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(word)));
  };
  expect_invalid(PublishRequest(""), "volume_id");
  csi::v1::ControllerPublishVolumeRequest request = PublishRequest(id);
  request.clear_node_id();
  expect_invalid(request, "node_id");
  request = PublishRequest(id);
  request.clear_volume_capability();
  expect_invalid(request, "volume_capability");
  // Arguments are looked at before existence.
  request = PublishRequest(UnknownId());
  request.mutable_volume_capability()->clear_access_type();
  expect_invalid(request, "access type");
  request = PublishRequest(id);
  request.mutable_volume_capability()->mutable_mount()->set_volume_mount_group("1000");
  expect_invalid(request, "volume_mount_group");
  EXPECT_EQ(storage_.changes_asked, 1);  // making the volume
}

TEST_F(VolumeCallsTest, PublishOfAnUnknownVolumeOrToAnUnknownNodeIsNotFound) {
  for (const std::string& id : {UnknownId(), std::string("x"), std::string("../x")}) {
    EXPECT_THAT(Publish(PublishRequest(id)), StatusIs(absl::StatusCode::kNotFound)) << id;
  }
  csi::v1::ControllerPublishVolumeRequest request = PublishRequest(MakeVolume("pvc-1"));
  request.set_node_id("node-2");
  EXPECT_THAT(Publish(request), StatusIs(absl::StatusCode::kNotFound,
                                         AllOf(HasSubstr("node-2"), HasSubstr("node-1"))));
}

TEST_F(VolumeCallsTest, PublishWithACapabilityThatTheVolumeLacksFails) {
  csi::v1::ControllerPublishVolumeRequest request = PublishRequest(MakeVolume("pvc-1"));
  *request.mutable_volume_capability() = BlockCapability();
  EXPECT_THAT(Publish(request), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(VolumeCallsTest, UnpublishOfWhatIsNotPublishedIsDone) {
  const std::string id = MakeVolume("pvc-1");
  EXPECT_OK(Unpublish(id, "node-1"));
  EXPECT_OK(Unpublish(id, "node-2"));
  EXPECT_OK(Unpublish(UnknownId(), "node-1"));
  for (const char* const foreign : kForeignIds) EXPECT_OK(Unpublish(foreign, "node-1")) << foreign;
  for (const char* const climbing : kClimbingIds) {
    EXPECT_THAT(Unpublish(climbing, "node-1"), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(Unpublish("", "node-1"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(VolumeCallsTest, UnpublishFromAnotherNodeLeavesThePublication) {
  const std::string id = MakeVolume("pvc-1");
  ASSERT_OK(Publish(PublishRequest(id)));
  EXPECT_OK(Unpublish(id, "node-2"));
  EXPECT_TRUE(storage_.volumes.at(id)->has_publication());
  EXPECT_OK(Unpublish(id, ""));  // from all
  EXPECT_FALSE(storage_.volumes.at(id)->has_publication());
}

TEST_F(VolumeCallsTest, ExpandAnswersTheSizeAndWhoElseMustGrow) {
  const std::string id = MakeVolume("pvc-1");
  for (const bool node_too : {true, false}) {
    storage_.node_expansion_required = node_too;
    ASSERT_OK_AND_ASSIGN(const auto expanded, Expand(ExpandRequest(id, int64_t{3} << 30)));
    EXPECT_EQ(expanded.capacity_bytes(), int64_t{3} << 30);
    EXPECT_EQ(expanded.node_expansion_required(), node_too);
  }
}

TEST_F(VolumeCallsTest, ExpandNeedsItsArguments) {
  const std::string id = MakeVolume("pvc-1");
  EXPECT_THAT(Expand(ExpandRequest("", 1)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("volume_id")));
  csi::v1::ControllerExpandVolumeRequest request = ExpandRequest(id, 1);
  request.clear_capacity_range();
  EXPECT_THAT(Expand(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("capacity_range")));
  // The table of this call has another code for a capability that the volume lacks.
  request = ExpandRequest(id, 1);
  *request.mutable_volume_capability() = BlockCapability();
  EXPECT_THAT(Expand(request), StatusIs(absl::StatusCode::kInvalidArgument));
  *request.mutable_volume_capability() = MountCapability(Mode::MULTI_NODE_MULTI_WRITER);
  EXPECT_THAT(Expand(request), StatusIs(absl::StatusCode::kInvalidArgument));
  *request.mutable_volume_capability() = MountCapability();
  EXPECT_OK(Expand(request));
}

TEST_F(VolumeCallsTest, ExpandOfAnUnknownVolumeIsNotFound) {
  for (const std::string& id : {UnknownId(), std::string("x"), std::string("../x")}) {
    EXPECT_THAT(Expand(ExpandRequest(id, 1)), StatusIs(absl::StatusCode::kNotFound)) << id;
  }
}

TEST_F(VolumeCallsTest, ExpandBeyondThePoolIsWhatTheStorageSays) {
  const std::string id = MakeVolume("pvc-1");
  storage_.answer = absl::OutOfRangeError("no room");
  EXPECT_THAT(Expand(ExpandRequest(id, 1)), StatusIs(absl::StatusCode::kOutOfRange, "no room"));
}

TEST_F(VolumeCallsTest, ModifyPassesItsParametersOn) {
  csi::v1::ControllerModifyVolumeRequest request;
  EXPECT_THAT(Call(&ControllerHandler::ModifyVolume, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("volume_id")));
  request.set_volume_id(UnknownId());
  EXPECT_THAT(Call(&ControllerHandler::ModifyVolume, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mutable_parameters")));
  (*request.mutable_mutable_parameters())["undeleteWindow"] = "24h";
  EXPECT_THAT(Call(&ControllerHandler::ModifyVolume, request),
              StatusIs(absl::StatusCode::kNotFound));
  request.set_volume_id(MakeVolume("pvc-1"));
  EXPECT_OK(Call(&ControllerHandler::ModifyVolume, request));
  EXPECT_THAT(storage_.modified_with, ElementsAre(Pair("undeleteWindow", "24h")));
}

TEST_F(VolumeCallsTest, WhetherThereIsAVolumeToChangeIsTheNodesToSay) {
  const std::string id = MakeVolume("pvc-1");
  storage_.untold.insert(id);
  csi::v1::ControllerExpandVolumeRequest expand;
  expand.set_volume_id(id);
  expand.mutable_capacity_range()->set_required_bytes(int64_t{1} << 40);
  *expand.mutable_volume_capability() = VolumeRequest("").volume_capabilities(0);
  EXPECT_OK(Call(&ControllerHandler::ExpandVolume, expand));
  csi::v1::ControllerModifyVolumeRequest modify;
  modify.set_volume_id(id);
  (*modify.mutable_mutable_parameters())["undeleteWindow"] = "24h";
  EXPECT_OK(Call(&ControllerHandler::ModifyVolume, modify));
  csi::v1::ControllerPublishVolumeRequest publish;
  publish.set_volume_id(id);
  publish.set_node_id(storage_.node_id());
  *publish.mutable_volume_capability() = VolumeRequest("").volume_capabilities(0);
  EXPECT_OK(Call(&ControllerHandler::PublishVolume, publish));
}

TEST_F(VolumeCallsTest, GetAnswersTheVolumeAsCreateDid) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("clone");
  request.mutable_volume_content_source()->mutable_volume()->set_volume_id(UnknownId());
  ASSERT_OK_AND_ASSIGN(const auto created, Call(&ControllerHandler::CreateVolume, request));
  ASSERT_OK_AND_ASSIGN(const auto got, Get(created.volume().volume_id()));
  EXPECT_EQ(got.volume().SerializeAsString(), created.volume().SerializeAsString());
}

TEST_F(VolumeCallsTest, GetOfAnUnknownVolumeIsNotFoundAndOfNoneInvalid) {
  for (const std::string& id : {UnknownId(), std::string("x"), std::string("../x")}) {
    EXPECT_THAT(Get(id), StatusIs(absl::StatusCode::kNotFound)) << id;
  }
  EXPECT_THAT(Get(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("volume_id")));
}

}  // namespace
}  // namespace nodevol::controller

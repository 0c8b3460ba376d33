// SPDX-License-Identifier: Apache-2.0
//
// Group 14, "NodePublishVolume": the tables of what a second call answers. T is the target path, P
// all other arguments. With SINGLE_NODE_MULTI_WRITER the second table holds, else the first.
#include <string>
#include <vector>

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;

bool IsMultiNode(AccessMode::Mode mode) {
  return mode == AccessMode::MULTI_NODE_READER_ONLY ||
         mode == AccessMode::MULTI_NODE_SINGLE_WRITER ||
         mode == AccessMode::MULTI_NODE_MULTI_WRITER;
}
bool IsReaderOnly(AccessMode::Mode mode) {
  return mode == AccessMode::SINGLE_NODE_READER_ONLY || mode == AccessMode::MULTI_NODE_READER_ONLY;
}
bool AllowsSeveralTargets(AccessMode::Mode mode) {
  return IsMultiNode(mode) || mode == AccessMode::SINGLE_NODE_MULTI_WRITER;
}
std::string NameOfMode(const ::testing::TestParamInfo<AccessMode::Mode>& info) {
  return AccessMode::Mode_Name(info.param);
}

class PublishMatrixConformance : public VolumeTest,
                                 public ::testing::WithParamInterface<AccessMode::Mode> {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    const bool of_second_table = GetParam() == AccessMode::SINGLE_NODE_SINGLE_WRITER ||
                                 GetParam() == AccessMode::SINGLE_NODE_MULTI_WRITER;
    if (of_second_table) REQUIRE_ANNOUNCED(NodeRpc::SINGLE_NODE_MULTI_WRITER);
    csi::v1::CreateVolumeRequest request = VolumeRequest();
    *request.mutable_volume_capabilities(0) = Capability();
    const absl::StatusOr<csi::v1::Volume> volume = Create(request);
    if (absl::IsInvalidArgument(volume.status())) {
      // It must be in every driver that has the two modes that are to replace it.
      EXPECT_NE(GetParam(), AccessMode::SINGLE_NODE_WRITER);
      GTEST_SKIP() << "the driver makes no volumes of this mode";
    }
    ASSERT_OK(volume);
    volume_.emplace(OnNode(*volume, "volume", Capability()));
    ASSERT_OK(volume_->Attach());
    ASSERT_OK(volume_->Stage());
    ASSERT_OK(volume_->Publish("1"));
  }
  [[nodiscard]] static csi::v1::VolumeCapability Capability() {
    return InMode(options().capability, GetParam());
  }

  // The request for this target, with other arguments than those of the first call. Readers do not
  // write with or without readonly: to them that is no other argument.
  [[nodiscard]] std::vector<csi::v1::NodePublishVolumeRequest> OtherArguments(
      const std::string& label) const {
    std::vector<csi::v1::NodePublishVolumeRequest> others;
    if (!IsReaderOnly(GetParam())) {
      others.push_back(volume_->PublishRequest(label));
      others.back().set_readonly(true);
    }
    return others;
  }

  std::optional<NodeVolume> volume_;
};
INSTANTIATE_TEST_SUITE_P(
    , PublishMatrixConformance,
    ::testing::Values(AccessMode::SINGLE_NODE_WRITER, AccessMode::SINGLE_NODE_READER_ONLY,
                      AccessMode::SINGLE_NODE_SINGLE_WRITER, AccessMode::SINGLE_NODE_MULTI_WRITER,
                      AccessMode::MULTI_NODE_READER_ONLY, AccessMode::MULTI_NODE_SINGLE_WRITER,
                      AccessMode::MULTI_NODE_MULTI_WRITER),
    NameOfMode);

// T1 = T2, P1 = P2.
TEST_P(PublishMatrixConformance, SameTargetSameArgumentsIsOk) {
  for (int i = 0; i < 3; ++i) EXPECT_OK(volume_->Publish("1"));
  EXPECT_OK(volume_->Unpublish("1"));
  EXPECT_FALSE(MountAt(volume_->Target("1")).has_value()) << "it was mounted more than once";
}

// T1 = T2, P1 != P2.
TEST_P(PublishMatrixConformance, SameTargetOtherArgumentsIsAlreadyExists) {
  const std::vector<csi::v1::NodePublishVolumeRequest> others = OtherArguments("1");
  if (others.empty()) GTEST_SKIP() << "a reader has no other arguments";
  for (const csi::v1::NodePublishVolumeRequest& other : others) {
    EXPECT_THAT(volume_->Publish(other), StatusIs(StatusCode::kAlreadyExists));
  }
  EXPECT_TRUE(IsWritable(volume_->Target("1"))) << "the first has changed";
  EXPECT_OK(volume_->Publish("1"));
}

// T1 != T2, P1 = P2.
TEST_P(PublishMatrixConformance, OtherTargetSameArguments) {
  const absl::Status second = volume_->Publish("2");
  if (AllowsSeveralTargets(GetParam())) {
    ASSERT_OK(second);
    EXPECT_TRUE(Exists(volume_->Target("2")));
    EXPECT_OK(volume_->Unpublish("1"));
    EXPECT_TRUE(MountAt(volume_->Target("2")).has_value()) << "it went with the first";
  } else {
    EXPECT_THAT(second, StatusIs(StatusCode::kFailedPrecondition));
    EXPECT_FALSE(Exists(volume_->Target("2"))) << "something is left of the attempt";
    EXPECT_OK(volume_->Unpublish("1"));
    EXPECT_OK(volume_->Publish("2")) << "it is free again";
  }
}

// T1 != T2, P1 != P2.
TEST_P(PublishMatrixConformance, OtherTargetOtherArguments) {
  for (const csi::v1::NodePublishVolumeRequest& other : OtherArguments("2")) {
    const absl::Status second = volume_->Publish(other);
    if (AllowsSeveralTargets(GetParam())) {
      ASSERT_OK(second);
      EXPECT_FALSE(IsWritable(volume_->Target("2")));
      EXPECT_TRUE(IsWritable(volume_->Target("1")));
    } else {
      EXPECT_THAT(second, StatusIs(StatusCode::kFailedPrecondition));
      EXPECT_FALSE(Exists(volume_->Target("2"))) << "something is left of the attempt";
    }
  }
}

// AccessMode: "once as readonly", "as readonly at multiple nodes".
TEST_P(PublishMatrixConformance, OnlyReadersCannotWrite) {
  EXPECT_EQ(IsWritable(volume_->Target("1")), !IsReaderOnly(GetParam()));
}

}  // namespace
}  // namespace nodevol::testing

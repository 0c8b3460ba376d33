// SPDX-License-Identifier: Apache-2.0
#include "controller/controller_fixture.h"

namespace nodevol::controller {
namespace {

class GetCapacityTest : public ControllerFixture {
 protected:
  void SetUp() override {
    storage_.capacity = {.available = 300, .maximum_volume = 200, .minimum_volume = 100};
  }

  void ExpectAll(const csi::v1::GetCapacityRequest& request) {
    ASSERT_OK_AND_ASSIGN(const auto response, handler_.GetCapacity(request));
    EXPECT_EQ(response.available_capacity(), 300);
    EXPECT_EQ(response.maximum_volume_size().value(), 200);
    EXPECT_EQ(response.minimum_volume_size().value(), 100);
  }
  // No room, said in a way that a scheduler believes.
  void ExpectNone(const csi::v1::GetCapacityRequest& request) {
    ASSERT_OK_AND_ASSIGN(const auto response, handler_.GetCapacity(request));
    EXPECT_EQ(response.available_capacity(), 0);
    ASSERT_TRUE(response.has_maximum_volume_size());
    EXPECT_EQ(response.maximum_volume_size().value(), 0);
  }
};

TEST_F(GetCapacityTest, FiguresAreTheStorages) {
  ExpectAll({});
  csi::v1::GetCapacityRequest request;
  *request.mutable_accessible_topology() = On("node-1");
  (*request.mutable_parameters())["backend"] = "image";
  *request.add_volume_capabilities() = BlockCapability();
  ExpectAll(request);
}

TEST_F(GetCapacityTest, FullNodeSaysSo) {
  storage_.capacity = {};
  ExpectNone({});
}

TEST_F(GetCapacityTest, SegmentOfAnotherNodeHasNone) {
  for (const csi::v1::Topology& elsewhere : {On("node-2"), On(""), csi::v1::Topology()}) {
    csi::v1::GetCapacityRequest request;
    *request.mutable_accessible_topology() = elsewhere;
    ExpectNone(request);
  }
}

TEST_F(GetCapacityTest, ParametersThatNoVolumeCanHaveHaveNone) {
  csi::v1::GetCapacityRequest request;
  (*request.mutable_parameters())["pol"] = "ssd";
  ExpectNone(request);
  request.Clear();
  (*request.mutable_parameters())["backend"] = "tape";
  ExpectNone(request);
}

TEST_F(GetCapacityTest, CapabilitiesThatNoVolumeCanHaveHaveNone) {
  csi::v1::GetCapacityRequest request;
  *request.add_volume_capabilities() = MountCapability(Mode::MULTI_NODE_MULTI_WRITER);
  ExpectNone(request);
}

}  // namespace
}  // namespace nodevol::controller

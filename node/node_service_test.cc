// SPDX-License-Identifier: Apache-2.0
#include "node/node_service.h"

#include <memory>
#include <set>
#include <string>

#include "node/node_fixture.h"
#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "test/client/csi_client.h"

namespace nodevol::node {
namespace {

using nodevol::testing::CsiClient;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Stub = CsiClient::Node;
using Rpc = csi::v1::NodeServiceCapability::RPC;

class NodeServiceTest : public NodeFixture {
 protected:
  NodeServiceTest() : NodeFixture(DirectoryOnBtrfs()) {}

  void SetUp() override {
    NodeFixture::SetUp();
    service_ = std::make_unique<NodeService>(calls_, world_->handler());
    ASSERT_OK_AND_ASSIGN(server_, rpc::Server::Start(path_, {service_.get()}));
    client_ = std::make_unique<CsiClient>(path_);
  }
  void TearDown() override {
    client_.reset();
    server_.reset();
    NodeFixture::TearDown();
  }

  template <typename Request, typename Response>
  absl::StatusCode CodeOf(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*)) {
    return client_->Call(method, Request()).status().code();
  }

  const rpc::ScratchDirectory directory_;
  const std::string path_ = directory_ / "csi.sock";
  rpc::Metrics metrics_;
  rpc::Calls calls_{metrics_};
  std::unique_ptr<NodeService> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<CsiClient> client_;
};

TEST_F(NodeServiceTest, EveryCallReachesItsHandler) {
  EXPECT_EQ(CodeOf(&Stub::NodeStageVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::NodeUnstageVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::NodePublishVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::NodeUnpublishVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::NodeGetVolumeStats), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::NodeExpandVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::NodeGetCapabilities), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(&Stub::NodeGetInfo), absl::StatusCode::kOk);
}

TEST_F(NodeServiceTest, WhatIsNotAnnouncedIsUnimplemented) {
  EXPECT_EQ(CodeOf(&Stub::NodeGetVolumeHealth), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(CodeOf(&Stub::NodeGetStorageHealth), absl::StatusCode::kUnimplemented);
}

TEST_F(NodeServiceTest, CapabilitiesAreTheseAndEachOnce) {
  std::multiset<int> announced;
  const csi::v1::NodeGetCapabilitiesResponse response = world_->handler().GetCapabilities();
  for (const auto& capability : response.capabilities()) announced.insert(capability.rpc().type());
  EXPECT_EQ(announced, (std::multiset<int>{Rpc::STAGE_UNSTAGE_VOLUME, Rpc::GET_VOLUME_STATS,
                                           Rpc::EXPAND_VOLUME, Rpc::SINGLE_NODE_MULTI_WRITER}));
}

TEST_F(NodeServiceTest, InfoNamesTheNodeAndItsSegment) {
  const csi::v1::NodeGetInfoResponse info = world_->handler().GetInfo();
  EXPECT_EQ(info.node_id(), "node-1");
  EXPECT_EQ(info.max_volumes_per_node(), 0) << "no limit";
  EXPECT_THAT(info.accessible_topology().segments(),
              UnorderedElementsAre(Pair("topology.csi.nodevol.io/node", "node-1")));
}

TEST_F(NodeServiceTest, VolumeIsUsedOverTheSocket) {
  ASSERT_OK(client_->Call(&Stub::NodeStageVolume, StageRequest()));
  ASSERT_OK(client_->Call(&Stub::NodePublishVolume, PublishRequest(Target())));
  EXPECT_TRUE(IsMountRoot(Target()));
  csi::v1::NodeUnpublishVolumeRequest unpublish;
  unpublish.set_volume_id(volume_);
  unpublish.set_target_path(Target());
  EXPECT_OK(client_->Call(&Stub::NodeUnpublishVolume, unpublish));
  csi::v1::NodeUnstageVolumeRequest unstage;
  unstage.set_volume_id(volume_);
  unstage.set_staging_target_path(staging_);
  EXPECT_OK(client_->Call(&Stub::NodeUnstageVolume, unstage));
}

}  // namespace
}  // namespace nodevol::node

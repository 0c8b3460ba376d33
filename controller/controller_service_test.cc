// SPDX-License-Identifier: Apache-2.0
#include "controller/controller_service.h"

#include <memory>
#include <set>
#include <string>

#include "controller/controller_fixture.h"
#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "test/client/csi_client.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::CsiClient;
using nodevol::testing::StatusIs;
using Stub = CsiClient::Controller;
using Rpc = csi::v1::ControllerServiceCapability::RPC;

class ControllerServiceTest : public ControllerFixture {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(server_, rpc::Server::Start(path_, {&service_})); }

  template <typename Request, typename Response>
  absl::StatusCode CodeOf(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*)) {
    return client_.Call(method, Request()).status().code();
  }

  const rpc::ScratchDirectory directory_;
  const std::string path_ = directory_ / "csi.sock";
  rpc::Metrics metrics_;
  rpc::Calls calls_{metrics_};
  ControllerService service_{calls_, handler_};
  std::unique_ptr<rpc::Server> server_;
  CsiClient client_{path_};
};

TEST_F(ControllerServiceTest, EveryCallReachesItsHandler) {
  // An empty request is answered by the handler's first check, or, where nothing is required, OK.
  EXPECT_EQ(CodeOf(&Stub::CreateVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::DeleteVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::ControllerPublishVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::ControllerUnpublishVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::ValidateVolumeCapabilities), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::CreateSnapshot), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::DeleteSnapshot), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::GetSnapshot), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::ControllerExpandVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::ControllerGetVolume), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(&Stub::ListVolumes), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(&Stub::ListSnapshots), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(&Stub::GetCapacity), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(&Stub::ControllerGetCapabilities), absl::StatusCode::kOk);
}

TEST_F(ControllerServiceTest, WhatIsNotAnnouncedIsUnimplemented) {
  EXPECT_EQ(CodeOf(&Stub::ControllerGetVolumeHealth), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(CodeOf(&Stub::ControllerListVolumeHealth), absl::StatusCode::kUnimplemented);
}

TEST_F(ControllerServiceTest, CapabilitiesAreTheseAndEachOnce) {
  std::multiset<int> announced;
  const csi::v1::ControllerGetCapabilitiesResponse response = handler_.GetCapabilities();
  for (const auto& capability : response.capabilities()) announced.insert(capability.rpc().type());
  EXPECT_EQ(announced, (std::multiset<int>{
                           Rpc::CREATE_DELETE_VOLUME, Rpc::PUBLISH_UNPUBLISH_VOLUME,
                           Rpc::LIST_VOLUMES, Rpc::GET_CAPACITY, Rpc::CREATE_DELETE_SNAPSHOT,
                           Rpc::LIST_SNAPSHOTS, Rpc::CLONE_VOLUME, Rpc::PUBLISH_READONLY,
                           Rpc::EXPAND_VOLUME, Rpc::LIST_VOLUMES_PUBLISHED_NODES, Rpc::GET_VOLUME,
                           Rpc::MODIFY_VOLUME, Rpc::SINGLE_NODE_MULTI_WRITER, Rpc::GET_SNAPSHOT}));
}

TEST_F(ControllerServiceTest, IdWithAControlCharacterNeverReachesTheStorage) {
  csi::v1::DeleteVolumeRequest request;
  for (const std::string& id : {std::string("a\0b", 3), std::string("\0", 1), UnknownId() + '\0'}) {
    request.set_volume_id(id);
    EXPECT_THAT(client_.Call(&Stub::DeleteVolume, request),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(storage_.changes_asked, 0);
}

}  // namespace
}  // namespace nodevol::controller

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_NODE_SERVICE_H_
#define NODEVOL_NODE_NODE_SERVICE_H_

#include "csi/csi.grpc.pb.h"
#include "node/node_handler.h"
#include "rpc/calls.h"

namespace nodevol::node {

// csi.v1.Node over gRPC. What is not overridden answers UNIMPLEMENTED.
class NodeService final : public csi::v1::Node::CallbackService {
 public:
  // Both must outlive the service.
  NodeService(rpc::Calls& calls, NodeHandler& handler) : calls_(calls), handler_(handler) {}

  grpc::ServerUnaryReactor* NodeStageVolume(grpc::CallbackServerContext* context,
                                            const csi::v1::NodeStageVolumeRequest* request,
                                            csi::v1::NodeStageVolumeResponse* response) override;
  grpc::ServerUnaryReactor* NodeUnstageVolume(
      grpc::CallbackServerContext* context, const csi::v1::NodeUnstageVolumeRequest* request,
      csi::v1::NodeUnstageVolumeResponse* response) override;
  grpc::ServerUnaryReactor* NodePublishVolume(
      grpc::CallbackServerContext* context, const csi::v1::NodePublishVolumeRequest* request,
      csi::v1::NodePublishVolumeResponse* response) override;
  grpc::ServerUnaryReactor* NodeUnpublishVolume(
      grpc::CallbackServerContext* context, const csi::v1::NodeUnpublishVolumeRequest* request,
      csi::v1::NodeUnpublishVolumeResponse* response) override;
  grpc::ServerUnaryReactor* NodeGetVolumeStats(
      grpc::CallbackServerContext* context, const csi::v1::NodeGetVolumeStatsRequest* request,
      csi::v1::NodeGetVolumeStatsResponse* response) override;
  grpc::ServerUnaryReactor* NodeExpandVolume(grpc::CallbackServerContext* context,
                                             const csi::v1::NodeExpandVolumeRequest* request,
                                             csi::v1::NodeExpandVolumeResponse* response) override;
  grpc::ServerUnaryReactor* NodeGetVolumeHealth(
      grpc::CallbackServerContext* context, const csi::v1::NodeGetVolumeHealthRequest* request,
      csi::v1::NodeGetVolumeHealthResponse* response) override;
  grpc::ServerUnaryReactor* NodeGetStorageHealth(
      grpc::CallbackServerContext* context, const csi::v1::NodeGetStorageHealthRequest* request,
      csi::v1::NodeGetStorageHealthResponse* response) override;
  grpc::ServerUnaryReactor* NodeGetCapabilities(
      grpc::CallbackServerContext* context, const csi::v1::NodeGetCapabilitiesRequest* request,
      csi::v1::NodeGetCapabilitiesResponse* response) override;
  grpc::ServerUnaryReactor* NodeGetInfo(grpc::CallbackServerContext* context,
                                        const csi::v1::NodeGetInfoRequest* request,
                                        csi::v1::NodeGetInfoResponse* response) override;

 private:
  rpc::Calls& calls_;
  NodeHandler& handler_;
};

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_NODE_SERVICE_H_

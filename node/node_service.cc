// SPDX-License-Identifier: Apache-2.0
#include "node/node_service.h"

#include <utility>

namespace nodevol::node {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

ServerUnaryReactor* NodeService::NodeStageVolume(CallbackServerContext* context,
                                                 const csi::v1::NodeStageVolumeRequest* request,
                                                 csi::v1::NodeStageVolumeResponse* response) {
  return calls_.Run({"NodeStageVolume"}, context, request, response,
                    [this](const auto&, const csi::v1::NodeStageVolumeRequest& checked,
                           Callback<csi::v1::NodeStageVolumeResponse> done) {
                      handler_.StageVolume(checked, std::move(done));
                    });
}

ServerUnaryReactor* NodeService::NodeUnstageVolume(CallbackServerContext* context,
                                                   const csi::v1::NodeUnstageVolumeRequest* request,
                                                   csi::v1::NodeUnstageVolumeResponse* response) {
  return calls_.Run({"NodeUnstageVolume"}, context, request, response,
                    [this](const auto&, const csi::v1::NodeUnstageVolumeRequest& checked,
                           Callback<csi::v1::NodeUnstageVolumeResponse> done) {
                      handler_.UnstageVolume(checked, std::move(done));
                    });
}

ServerUnaryReactor* NodeService::NodePublishVolume(CallbackServerContext* context,
                                                   const csi::v1::NodePublishVolumeRequest* request,
                                                   csi::v1::NodePublishVolumeResponse* response) {
  return calls_.Run({"NodePublishVolume"}, context, request, response,
                    [this](const auto&, const csi::v1::NodePublishVolumeRequest& checked,
                           Callback<csi::v1::NodePublishVolumeResponse> done) {
                      handler_.PublishVolume(checked, std::move(done));
                    });
}

ServerUnaryReactor* NodeService::NodeUnpublishVolume(
    CallbackServerContext* context, const csi::v1::NodeUnpublishVolumeRequest* request,
    csi::v1::NodeUnpublishVolumeResponse* response) {
  return calls_.Run({"NodeUnpublishVolume"}, context, request, response,
                    [this](const auto&, const csi::v1::NodeUnpublishVolumeRequest& checked,
                           Callback<csi::v1::NodeUnpublishVolumeResponse> done) {
                      handler_.UnpublishVolume(checked, std::move(done));
                    });
}

ServerUnaryReactor* NodeService::NodeGetVolumeStats(
    CallbackServerContext* context, const csi::v1::NodeGetVolumeStatsRequest* request,
    csi::v1::NodeGetVolumeStatsResponse* response) {
  return calls_.Run({"NodeGetVolumeStats", true}, context, request, response,
                    [this](const auto&, const csi::v1::NodeGetVolumeStatsRequest& checked,
                           Callback<csi::v1::NodeGetVolumeStatsResponse> done) {
                      handler_.GetVolumeStats(checked, std::move(done));
                    });
}

ServerUnaryReactor* NodeService::NodeExpandVolume(CallbackServerContext* context,
                                                  const csi::v1::NodeExpandVolumeRequest* request,
                                                  csi::v1::NodeExpandVolumeResponse* response) {
  return calls_.Run({"NodeExpandVolume"}, context, request, response,
                    [this](const auto&, const csi::v1::NodeExpandVolumeRequest& checked,
                           Callback<csi::v1::NodeExpandVolumeResponse> done) {
                      handler_.ExpandVolume(checked, std::move(done));
                    });
}

ServerUnaryReactor* NodeService::NodeGetVolumeHealth(
    CallbackServerContext* context, const csi::v1::NodeGetVolumeHealthRequest* request,
    csi::v1::NodeGetVolumeHealthResponse* response) {
  return calls_.Run({"NodeGetVolumeHealth", true}, context, request, response,
                    [this](const auto&, const csi::v1::NodeGetVolumeHealthRequest& checked,
                           Callback<csi::v1::NodeGetVolumeHealthResponse> done) {
                      handler_.GetVolumeHealth(checked, std::move(done));
                    });
}

ServerUnaryReactor* NodeService::NodeGetStorageHealth(
    CallbackServerContext* context, const csi::v1::NodeGetStorageHealthRequest* request,
    csi::v1::NodeGetStorageHealthResponse* response) {
  return calls_.Run({"NodeGetStorageHealth", true}, context, request, response,
                    [this](const auto&, const csi::v1::NodeGetStorageHealthRequest& checked,
                           Callback<csi::v1::NodeGetStorageHealthResponse> done) {
                      std::move(done)(handler_.GetStorageHealth(checked));
                    });
}

ServerUnaryReactor* NodeService::NodeGetCapabilities(
    CallbackServerContext* context, const csi::v1::NodeGetCapabilitiesRequest* request,
    csi::v1::NodeGetCapabilitiesResponse* response) {
  return calls_.Run(
      {"NodeGetCapabilities", true}, context, request, response,
      [this](const auto&, const auto&, Callback<csi::v1::NodeGetCapabilitiesResponse> done) {
        std::move(done)(handler_.GetCapabilities());
      });
}

ServerUnaryReactor* NodeService::NodeGetInfo(CallbackServerContext* context,
                                             const csi::v1::NodeGetInfoRequest* request,
                                             csi::v1::NodeGetInfoResponse* response) {
  return calls_.Run({"NodeGetInfo", true}, context, request, response,
                    [this](const auto&, const auto&, Callback<csi::v1::NodeGetInfoResponse> done) {
                      std::move(done)(handler_.GetInfo());
                    });
}

}  // namespace nodevol::node

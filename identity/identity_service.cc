// SPDX-License-Identifier: Apache-2.0
#include "identity/identity_service.h"

#include <utility>

namespace nodevol::identity {

grpc::ServerUnaryReactor* IdentityService::GetPluginInfo(
    grpc::CallbackServerContext* context, const csi::v1::GetPluginInfoRequest* request,
    csi::v1::GetPluginInfoResponse* response) {
  return calls_.Run(
      {"GetPluginInfo", true}, context, request, response,
      [this](const auto&, const auto&, auto done) { std::move(done)(handler_.GetPluginInfo()); });
}

grpc::ServerUnaryReactor* IdentityService::GetPluginCapabilities(
    grpc::CallbackServerContext* context, const csi::v1::GetPluginCapabilitiesRequest* request,
    csi::v1::GetPluginCapabilitiesResponse* response) {
  return calls_.Run({"GetPluginCapabilities", true}, context, request, response,
                    [this](const auto&, const auto&, auto done) {
                      std::move(done)(handler_.GetPluginCapabilities());
                    });
}

grpc::ServerUnaryReactor* IdentityService::Probe(grpc::CallbackServerContext* context,
                                                 const csi::v1::ProbeRequest* request,
                                                 csi::v1::ProbeResponse* response) {
  return calls_.Run(
      {"Probe", true}, context, request, response,
      [this](const auto&, const auto&, auto done) { std::move(done)(handler_.Probe()); });
}

}  // namespace nodevol::identity

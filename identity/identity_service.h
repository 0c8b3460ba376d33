// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_IDENTITY_IDENTITY_SERVICE_H_
#define NODEVOL_IDENTITY_IDENTITY_SERVICE_H_

#include "csi/csi.grpc.pb.h"
#include "identity/identity_handler.h"
#include "rpc/calls.h"

namespace nodevol::identity {

// csi.v1.Identity over gRPC.
class IdentityService final : public csi::v1::Identity::CallbackService {
 public:
  // Both must outlive the service.
  IdentityService(rpc::Calls& calls, const IdentityHandler& handler)
      : calls_(calls), handler_(handler) {}

  grpc::ServerUnaryReactor* GetPluginInfo(grpc::CallbackServerContext* context,
                                          const csi::v1::GetPluginInfoRequest* request,
                                          csi::v1::GetPluginInfoResponse* response) override;
  grpc::ServerUnaryReactor* GetPluginCapabilities(
      grpc::CallbackServerContext* context, const csi::v1::GetPluginCapabilitiesRequest* request,
      csi::v1::GetPluginCapabilitiesResponse* response) override;
  grpc::ServerUnaryReactor* Probe(grpc::CallbackServerContext* context,
                                  const csi::v1::ProbeRequest* request,
                                  csi::v1::ProbeResponse* response) override;

 private:
  rpc::Calls& calls_;
  const IdentityHandler& handler_;
};

}  // namespace nodevol::identity

#endif  // NODEVOL_IDENTITY_IDENTITY_SERVICE_H_

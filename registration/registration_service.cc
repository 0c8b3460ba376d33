// SPDX-License-Identifier: Apache-2.0
#include "registration/registration_service.h"

#include "base/log.h"

namespace nodevol::registration {
namespace {

// What kubelet asks of a CSI driver's version here: that of the registration, not of CSI.
constexpr char kVersion[] = "1.0.0";
constexpr char kType[] = "CSIPlugin";

}  // namespace

grpc::ServerUnaryReactor* RegistrationService::GetInfo(grpc::CallbackServerContext* context,
                                                       const pluginregistration::InfoRequest*,
                                                       pluginregistration::PluginInfo* response) {
  response->set_type(kType);
  response->set_name(driver_name_);
  response->set_endpoint(endpoint_);
  response->add_supported_versions(kVersion);
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* RegistrationService::NotifyRegistrationStatus(
    grpc::CallbackServerContext* context, const pluginregistration::RegistrationStatus* request,
    pluginregistration::RegistrationStatusResponse*) {
  const bool was_registered = registered_.exchange(request->plugin_registered());
  if (!request->plugin_registered()) {
    // It tries again by itself.
    log::Error("kubelet has not registered the driver",
               {{"driver", driver_name_}, {"endpoint", endpoint_}, {"error", request->error()}});
  } else if (!was_registered) {
    log::Info("kubelet has registered the driver",
              {{"driver", driver_name_}, {"endpoint", endpoint_}});
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace nodevol::registration

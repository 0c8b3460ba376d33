// SPDX-License-Identifier: Apache-2.0
#include "registration/registration_service.h"

#include <utility>

#include "base/log.h"
#include "base/monotonic.h"

namespace nodevol::registration {
namespace {

// What kubelet asks of a CSI driver's version here: that of the registration, not of CSI.
constexpr char kVersion[] = "1.0.0";
constexpr char kType[] = "CSIPlugin";

}  // namespace

bool RegistrationService::registered() const {
  absl::MutexLock lock(&mutex_);
  return registered_;
}

std::optional<absl::Duration> RegistrationService::refused_at() const {
  absl::MutexLock lock(&mutex_);
  return refused_at_;
}

void RegistrationService::Forget() {
  absl::MutexLock lock(&mutex_);
  registered_ = false;
  refused_at_.reset();
}

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
  const bool registered = request->plugin_registered();
  bool was_registered = false;
  {
    absl::MutexLock lock(&mutex_);
    was_registered = std::exchange(registered_, registered);
    refused_at_ = registered ? std::nullopt : std::optional(MonotonicNow());
  }
  if (!registered) {
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

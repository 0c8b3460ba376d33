// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_REGISTRATION_REGISTRATION_SERVICE_H_
#define NODEVOL_REGISTRATION_REGISTRATION_SERVICE_H_

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "registration/api.grpc.pb.h"

namespace nodevol::registration {

// pluginregistration.Registration of kubelet (k8s.io/kubelet, pkg/apis/pluginregistration/v1):
// tells kubelet where the CSI socket is, and hears what came of it.
class RegistrationService final : public pluginregistration::Registration::CallbackService {
 public:
  // `endpoint` is the path of the CSI socket as kubelet sees it.
  RegistrationService(std::string driver_name, std::string endpoint)
      : driver_name_(std::move(driver_name)), endpoint_(std::move(endpoint)) {}

  // Whether kubelet said last that the driver is registered.
  [[nodiscard]] bool registered() const;
  // When it said that the driver is not, by MonotonicNow(); nullopt when that was not the last
  // word.
  [[nodiscard]] std::optional<absl::Duration> refused_at() const;
  // Its socket was away: kubelet has taken the driver out, and does not say so.
  void Forget();

  grpc::ServerUnaryReactor* GetInfo(grpc::CallbackServerContext* context,
                                    const pluginregistration::InfoRequest* request,
                                    pluginregistration::PluginInfo* response) override;
  grpc::ServerUnaryReactor* NotifyRegistrationStatus(
      grpc::CallbackServerContext* context, const pluginregistration::RegistrationStatus* request,
      pluginregistration::RegistrationStatusResponse* response) override;

 private:
  const std::string driver_name_;
  const std::string endpoint_;
  mutable absl::Mutex mutex_;
  bool registered_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Duration> refused_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::registration

#endif  // NODEVOL_REGISTRATION_REGISTRATION_SERVICE_H_

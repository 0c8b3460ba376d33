// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_STARTUP_TAINT_H_
#define NODEVOL_KUBERNETES_STARTUP_TAINT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "kubernetes/api_client.h"
#include "kubernetes/node_objects.h"

namespace nodevol::kubernetes {

// The taint that a new node is given where it is made, so that no pod comes to it before the
// driver.
class StartupTaint {
 public:
  virtual ~StartupTaint() = default;

  // Takes it off the node, if the kubelet there has registered the driver. Answers whether the
  // taint is off; false while kubelet has not registered it, and for a node that has gone or is
  // another one of that name. ABORTED when somebody else changed the node meanwhile: to be tried
  // again. UNAVAILABLE when the API server does not answer, PERMISSION_DENIED when it may not be
  // asked, and its other errors; with the node's name.
  virtual absl::StatusOr<bool> Clear(const NodeObject& node) = 0;
};

// By the API server: the driver is registered when the node's CSINode object names it, by which
// time the scheduler and kubelet know it. One that a node of the same name has left does not count.
class ApiStartupTaint final : public StartupTaint {
 public:
  // Taints of the key are the driver's, whatever their value and effect. The client must outlive
  // it.
  ApiStartupTaint(ApiClient& api, std::string driver_name, std::string key)
      : api_(api), driver_name_(std::move(driver_name)), key_(std::move(key)) {}

  absl::StatusOr<bool> Clear(const NodeObject& node) override;

 private:
  absl::StatusOr<bool> TryClear(const NodeObject& node);
  absl::StatusOr<bool> IsRegistered(const NodeObject& node);

  ApiClient& api_;
  const std::string driver_name_;
  const std::string key_;
};

// INVALID_ARGUMENT, with what to write instead, for what is no key of a taint.
absl::Status CheckTaintKey(absl::string_view key);

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_STARTUP_TAINT_H_

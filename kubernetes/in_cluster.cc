// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/in_cluster.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "kubernetes/api_client.h"

namespace nodevol::kubernetes {
namespace {

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

absl::StatusOr<std::string> ApiUrlInPod() {
  const std::string host = Variable("KUBERNETES_SERVICE_HOST");
  const std::string port = Variable("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return absl::FailedPreconditionError(
        "this is no pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not "
        "set; write the URL of the API server");
  }
  const bool v6 = absl::StrContains(host, ':');
  std::string url = absl::StrCat("https://", v6 ? "[" : "", host, v6 ? "]" : "", ":", port);
  RETURN_IF_ERROR(CheckApiUrl(url));
  return url;
}

}  // namespace nodevol::kubernetes

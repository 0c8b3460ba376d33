// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_HTTP_SERVER_H_
#define NODEVOL_RPC_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "rpc/metrics.h"

namespace nodevol::rpc {

using HealthCheck = std::function<absl::Status()>;

// INVALID_ARGUMENT, with the remedy, unless it is "host:port" with a numeric host.
absl::Status CheckHttpAddress(absl::string_view address);

// GET /metrics, /healthz (is the process serving?) and /readyz (can it do its work?) over HTTP: 200
// or 503 with the reason. Read-only, no authentication: for a loopback or pod address.
class HttpServer {
 public:
  // UNAVAILABLE when the address can't be bound. The metrics must outlive the server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(absl::string_view address,
                                                           const Metrics& metrics, HealthCheck live,
                                                           HealthCheck ready);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_HTTP_SERVER_H_

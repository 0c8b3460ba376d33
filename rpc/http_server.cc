// SPDX-License-Identifier: Apache-2.0
#include "rpc/http_server.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "CivetServer.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace nodevol::rpc {
namespace {

bool Answer(mg_connection* connection, int code, absl::string_view type, absl::string_view body) {
  const std::string head = absl::StrCat(
      "HTTP/1.1 ", code, code == 200 ? " OK" : " Service Unavailable", "\r\nContent-Type: ", type,
      "\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  mg_write(connection, body.data(), body.size());
  return true;
}

class MetricsHandler : public CivetHandler {
 public:
  explicit MetricsHandler(const Metrics& metrics) : metrics_(metrics) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    return Answer(connection, 200, "text/plain; version=0.0.4; charset=utf-8", metrics_.Text());
  }

 private:
  const Metrics& metrics_;
};

class HealthHandler : public CivetHandler {
 public:
  explicit HealthHandler(HealthCheck check) : check_(std::move(check)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    const absl::Status healthy = check_();
    return Answer(connection, healthy.ok() ? 200 : 503, "text/plain; charset=utf-8",
                  healthy.ok() ? "ok\n" : absl::StrCat(healthy.message(), "\n"));
  }

 private:
  const HealthCheck check_;
};

// Digits only: SimpleAtoi would take a sign and spaces, which the server then does not.
bool IsPort(absl::string_view text) {
  constexpr size_t kMaxDigits = 5;
  int port = 0;
  return text.size() <= kMaxDigits && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, &port) && port > 0 && port <= 65535;
}

}  // namespace

absl::Status CheckHttpAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon != absl::string_view::npos && IsPort(address.substr(colon + 1))) {
    absl::string_view host = address.substr(0, colon);
    std::array<unsigned char, sizeof(in6_addr)> parsed = {};
    if (inet_pton(AF_INET, std::string(host).c_str(), parsed.data()) == 1) {
      return absl::OkStatus();
    }
    if (absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]") &&
        inet_pton(AF_INET6, std::string(host).c_str(), parsed.data()) == 1) {
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("address \"", address,
                                                 "\" must be a numeric address and a port, such as "
                                                 "127.0.0.1:9808 or [::1]:9808"));
}

struct HttpServer::Impl {
  Impl(const std::vector<std::string>& options, const Metrics& all_metrics, HealthCheck live,
       HealthCheck ready)
      : metrics(all_metrics), healthz(std::move(live)), readyz(std::move(ready)), server(options) {
    server.addHandler("/metrics", metrics);
    server.addHandler("/healthz", healthz);
    server.addHandler("/readyz", readyz);
  }

  MetricsHandler metrics;
  HealthHandler healthz;
  HealthHandler readyz;
  CivetServer server;  // last: it uses the handlers until it is gone
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(absl::string_view address,
                                                              const Metrics& metrics,
                                                              HealthCheck live, HealthCheck ready) {
  // A thread each for some that send their request slowly: kubelet's probe has to come through.
  const std::vector<std::string> options = {
      "listening_ports", std::string(address), "num_threads", "16", "request_timeout_ms", "10000"};
  // CivetServer reports a failed start by an exception.
  try {
    auto impl = std::make_unique<Impl>(options, metrics, std::move(live), std::move(ready));
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
  } catch (const CivetException& e) {
    return absl::UnavailableError(absl::StrCat("can't serve HTTP on ", address, " (", e.what(),
                                               "); is another process listening there?"));
  }
}

}  // namespace nodevol::rpc

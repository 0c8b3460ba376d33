// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_HTTP_CALL_H_
#define NODEVOL_KUBERNETES_HTTP_CALL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "curl/curl.h"

namespace nodevol::kubernetes {

// One request over HTTPS.
struct HttpCall {
  std::string url;
  std::string ca_file;  // PEM; the server's certificate must be of it, and of the URL's host
  std::vector<std::string> headers;
  std::string method = "GET";
  std::optional<std::string> body;
  absl::Duration timeout;
  size_t max_answer_bytes = 0;
};

struct HttpAnswer {
  int code = 0;
  std::string body;
};

// A handle of libcurl with the connection that it keeps open from call to call. TLS 1.2 or newer;
// nothing of the environment counts, neither a proxy nor the CAs of the system; no redirect is
// followed. Not thread-safe.
class HttpConnection {
 public:
  // Makes the call and waits for its whole answer, whatever its code is. UNAVAILABLE, with
  // libcurl's reason, when there is none, or one that is too large; CANCELLED soon after `stopped`
  // is true.
  absl::StatusOr<HttpAnswer> Call(const HttpCall& call, std::atomic<bool>& stopped);

 private:
  struct Cleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };

  absl::Status Prepare();

  std::unique_ptr<CURL, Cleanup> handle_;
  std::array<char, CURL_ERROR_SIZE> reason_ = {};
};

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_HTTP_CALL_H_

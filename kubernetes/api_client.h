// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_API_CLIENT_H_
#define NODEVOL_KUBERNETES_API_CLIENT_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/struct.pb.h"

namespace nodevol::kubernetes {

class HttpConnection;
struct HttpCall;
struct HttpAnswer;

// Asks the API server, over HTTPS and as one ServiceAccount. Each call waits for its answer;
// several may be under way at once, and connections are kept for the next ones. Thread-safe.
//
// Codes, besides those of HTTP: FAILED_PRECONDITION when there is no token to ask with; UNAVAILABLE
// when the server can't be reached, has a certificate of another CA, or answers what is no JSON
// object; CANCELLED after Stop(). Of HTTP: 400 and 422 INVALID_ARGUMENT, 401 UNAUTHENTICATED, 403
// PERMISSION_DENIED, 404 NOT_FOUND, 409 ABORTED, 410 OUT_OF_RANGE, 429 and all from 500 on
// UNAVAILABLE, others INTERNAL; with the server's own words.
class ApiClient {
 public:
  struct Options {
    std::string url;                             // CheckApiUrl()
    std::string ca_file;                         // PEM: of the server's certificate
    std::string token_file;                      // read again for each call: it is exchanged
    absl::Duration timeout = absl::Seconds(10);  // of one call
  };

  explicit ApiClient(Options options);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  // An answer may have 16 MiB.
  absl::StatusOr<google::protobuf::Struct> Get(const std::string& path,
                                               const std::string& accept = "application/json");
  // An answer may have 1 MiB. What is secret in the body is in no error.
  absl::StatusOr<google::protobuf::Struct> Post(const std::string& path,
                                                const google::protobuf::Struct& body,
                                                const std::string& secret);
  // Changes an object (RFC 7396: what is named is exchanged, the rest stays). An answer may have
  // 1 MiB.
  absl::StatusOr<google::protobuf::Struct> MergePatch(const std::string& path,
                                                      const google::protobuf::Struct& patch);

  // Calls that are under way end within a second or two, all others at once.
  void Stop() { stopped_ = true; }

 private:
  // A call that has a body.
  absl::StatusOr<google::protobuf::Struct> Send(const std::string& method, const std::string& path,
                                                const std::string& content_type,
                                                const google::protobuf::Struct& body,
                                                const std::string& secret);
  absl::StatusOr<google::protobuf::Struct> Call(HttpCall call, const std::string& accept,
                                                const std::string& secret);
  absl::StatusOr<HttpAnswer> Exchange(const HttpCall& call);
  std::unique_ptr<HttpConnection> Take();
  void Keep(std::unique_ptr<HttpConnection> connection);

  const Options options_;
  std::atomic<bool> stopped_ = false;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<HttpConnection>> idle_ ABSL_GUARDED_BY(mutex_);
};

// INVALID_ARGUMENT, with what to write instead, for anything but https://HOST[:PORT].
absl::Status CheckApiUrl(absl::string_view url);

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_API_CLIENT_H_

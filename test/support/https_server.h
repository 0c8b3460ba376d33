// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_HTTPS_SERVER_H_
#define NODEVOL_TEST_SUPPORT_HTTPS_SERVER_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "openssl/ssl.h"

#include "base/unique_fd.h"
#include "link/certificate.h"
#include "link/openssl.h"
#include "rpc/accept_loop.h"

// HTTP/1.1 over TLS on the loopback address: as much as tests of a client need.
namespace nodevol::testing {

struct HttpsRequest {
  std::string method;
  std::string target;                          // path and query
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct HttpsAnswer {
  int code = 200;
  std::string body = {};
  std::string header = {};  // a line more, without its end
};

// A thread for each connection, which is kept open until the client or the server ends it.
class HttpsServer {
 public:
  using Handler = std::function<HttpsAnswer(const HttpsRequest&)>;

  // Port 0 is one that is free. `handler` is called on several threads. SIGPIPE is ignored from
  // then on, as in the driver.
  static absl::StatusOr<std::unique_ptr<HttpsServer>> Start(const link::Certificate& certificate,
                                                            Handler handler, uint16_t port = 0);
  // Ends all connections; waits for calls of the handler.
  ~HttpsServer();
  HttpsServer(const HttpsServer&) = delete;
  HttpsServer& operator=(const HttpsServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  // That have been opened so far.
  [[nodiscard]] size_t connections() const {
    absl::MutexLock lock(&mutex_);
    return connections_.size();
  }

 private:
  using Context = std::unique_ptr<SSL_CTX, link::openssl::Deleter<SSL_CTX_free>>;
  struct Connection {
    UniqueFd socket;
    std::thread thread;
  };

  HttpsServer(Context context, Handler handler)
      : context_(std::move(context)), handler_(std::move(handler)) {}

  void Accept(UniqueFd socket);
  void Serve(int socket) const;

  const Context context_;
  const Handler handler_;
  uint16_t port_ = 0;
  std::unique_ptr<rpc::AcceptLoop> accept_;
  mutable absl::Mutex mutex_;
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_HTTPS_SERVER_H_

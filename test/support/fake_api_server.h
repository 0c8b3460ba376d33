// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_FAKE_API_SERVER_H_
#define NODEVOL_TEST_SUPPORT_FAKE_API_SERVER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "kubernetes/api_client.h"
#include "link/certificate.h"
#include "rpc/scratch_directory.h"
#include "test/support/https_server.h"

namespace nodevol::testing {

inline constexpr char kTestAudience[] = "csi.test.nodevol";
// The ServiceAccount of nodes, as flags name it.
inline constexpr char kTestServiceAccount[] = "storage/nodevol-node";

// What an API server says of a token; as it is, that its holder is on node-1.
struct TokenStatus {
  bool authenticated = true;
  std::vector<std::string> audiences = {kTestAudience};
  std::string username = "system:serviceaccount:storage:nodevol-node";
  std::vector<std::string> node_names = {"node-1"};
  std::vector<std::string> node_uids = {"uid-1"};
  std::string error = {};
};

// A stand-in for a cluster's API server: reviews the tokens that it has issued, over HTTPS, for who
// shows the token of the controller.
class FakeApiServer {
 public:
  // Serves "localhost"; with another name its certificate is not its own.
  explicit FakeApiServer(const std::string& name_in_certificate = "localhost");

  // What a client of it needs.
  [[nodiscard]] kubernetes::ApiClient::Options options() const;
  // The controller's token from now on, also in its file.
  void SetOwnToken(const std::string& token);

  // A new token: a JWT of which only the end is looked at by others.
  std::string Issue(const TokenStatus& status = {}, absl::Time end = absl::Now() + absl::Hours(1));
  // How often the token was to be reviewed.
  [[nodiscard]] int Reviews(const std::string& token) const;

  // Answers all that comes by this instead; an empty one: as before.
  void AnswerBy(HttpsServer::Handler handler);
  // All requests so far.
  [[nodiscard]] std::vector<HttpsRequest> Requests() const;
  [[nodiscard]] size_t connections() const { return server_->connections(); }

  // It goes away, and comes back on its port.
  void Stop() { server_.reset(); }
  void Start();

 private:
  HttpsAnswer Answer(const HttpsRequest& request);
  HttpsAnswer Review(const HttpsRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] std::string AnswerFor(const std::string& token) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const rpc::ScratchDirectory directory_;
  link::Certificate certificate_;
  uint16_t port_ = 0;

  mutable absl::Mutex mutex_;
  std::string own_token_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, TokenStatus> issued_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> reviews_ ABSL_GUARDED_BY(mutex_);
  HttpsServer::Handler handler_ ABSL_GUARDED_BY(mutex_);
  std::vector<HttpsRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<HttpsServer> server_;  // the last: its threads use all that is above
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_FAKE_API_SERVER_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_TOKEN_AUTHENTICATOR_H_
#define NODEVOL_LINK_TOKEN_AUTHENTICATOR_H_

#include <atomic>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/executor.h"
#include "kubernetes/token_review.h"
#include "link/authenticator.h"

namespace nodevol::link {

// By the ServiceAccount token of a pod: the node is the one that the API server says the pod is
// bound to. TLS asks nodes for no certificate.
class TokenAuthenticator final : public Authenticator {
 public:
  // Accepts tokens of this audience. The reviewer must outlive the authenticator; it is asked on
  // several threads at once.
  TokenAuthenticator(kubernetes::TokenReviewer& reviewer, std::string audience);
  // Answers all who wait. Takes as long as the reviews that are under way.
  ~TokenAuthenticator() override;
  TokenAuthenticator(const TokenAuthenticator&) = delete;
  TokenAuthenticator& operator=(const TokenAuthenticator&) = delete;

  [[nodiscard]] ClientCertificate client_certificate() const override {
    return ClientCertificate::kNone;
  }
  void Authenticate(const PeerEvidence& evidence, Callback<Peer> done) override;

 private:
  absl::StatusOr<Peer> Review(const std::string& token);
  // Logs that tokens can't be reviewed, now and then and not for each node, or can be again.
  void Note(const absl::Status& asked);

  kubernetes::TokenReviewer& reviewer_;
  const std::string audience_;
  std::atomic<bool> stopping_ = false;
  absl::Mutex mutex_;
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration next_log_ ABSL_GUARDED_BY(mutex_);  // on the monotonic clock
  Executor executor_;                                // the last: its threads use all that is above
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_TOKEN_AUTHENTICATOR_H_

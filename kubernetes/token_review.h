// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_TOKEN_REVIEW_H_
#define NODEVOL_KUBERNETES_TOKEN_REVIEW_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "kubernetes/api_client.h"
#include "kubernetes/review_cache.h"

namespace nodevol::kubernetes {

// Finds out whose a ServiceAccount token is. Thread-safe.
class TokenReviewer {
 public:
  virtual ~TokenReviewer() = default;

  // Waits for the answer. UNAUTHENTICATED, with the reason, for a token that says of no node that
  // its holder is there; any other code when that can't be found out now. No error repeats a token.
  virtual absl::StatusOr<NodeIdentityOfToken> Review(const std::string& token,
                                                     const std::string& audience) = 0;
};

// Asks the API server by TokenReview (authentication.k8s.io/v1), and remembers for a minute what it
// has accepted.
class ApiTokenReviewer final : public TokenReviewer {
 public:
  struct Options {
    // NAMESPACE/NAME of the ServiceAccount whose pods speak for their nodes. Otherwise any pod of
    // the cluster could: it need only have a token of the audience projected.
    std::string service_account;
    absl::Duration cache_for = absl::Seconds(60);
  };

  // The client must outlive the reviewer.
  ApiTokenReviewer(ApiClient& api, const Options& options);

  absl::StatusOr<NodeIdentityOfToken> Review(const std::string& token,
                                             const std::string& audience) override;

 private:
  // What the server's answer says.
  absl::StatusOr<NodeIdentityOfToken> Judge(const google::protobuf::Struct& review,
                                            const std::string& token,
                                            const std::string& audience) const;

  ApiClient& api_;
  const std::string username_;  // as the API server writes the ServiceAccount
  ReviewCache cache_;
};

// INVALID_ARGUMENT for what is not NAMESPACE/NAME.
absl::Status CheckServiceAccount(absl::string_view text);

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_TOKEN_REVIEW_H_

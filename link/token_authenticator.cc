// SPDX-License-Identifier: Apache-2.0
#include "link/token_authenticator.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/post_call.h"
#include "kubernetes/token.h"

namespace nodevol::link {
namespace {

// A review takes some milliseconds, most of them elsewhere: thousands of nodes, which come at once
// after a controller's start, take a second or two.
constexpr size_t kThreads = 16;
constexpr size_t kMaxQueued = 8192;
// How often it is told that tokens can't be reviewed; each node tries again and again.
constexpr absl::Duration kLogInterval = absl::Minutes(1);

}  // namespace

TokenAuthenticator::TokenAuthenticator(kubernetes::TokenReviewer& reviewer, std::string audience)
    : reviewer_(reviewer),
      audience_(std::move(audience)),
      executor_({.name = "token-review", .threads = kThreads, .max_queued = kMaxQueued}) {}

TokenAuthenticator::~TokenAuthenticator() { stopping_ = true; }

void TokenAuthenticator::Authenticate(const PeerEvidence& evidence, Callback<Peer> done) {
  if (!kubernetes::IsToken(evidence.token)) {
    std::move(done)(absl::UnauthenticatedError(absl::StrCat(
        "the node shows no token; start it with --link-token=FILE, of a ServiceAccount "
        "token that is projected with the audience \"",
        audience_, "\"")));
    return;
  }
  PostCall<Peer>(
      executor_, [this, token = evidence.token] { return Review(token); }, std::move(done));
}

absl::StatusOr<Peer> TokenAuthenticator::Review(const std::string& token) {
  if (stopping_) return absl::UnavailableError("the controller is stopping");
  const absl::StatusOr<kubernetes::NodeIdentityOfToken> identity =
      reviewer_.Review(token, audience_);
  const bool answered = identity.ok() || absl::IsUnauthenticated(identity.status());
  Note(answered ? absl::OkStatus() : identity.status());
  if (identity.ok()) return Peer{identity->node_name, identity->expiry};
  if (answered) return identity.status();
  // Who asks is not known, and need not be told of the API server.
  return absl::UnavailableError(
      "the controller can't have tokens reviewed now, and its log says why; try again");
}

void TokenAuthenticator::Note(const absl::Status& asked) {
  absl::MutexLock lock(&mutex_);
  if (asked.ok()) {
    if (failing_) log::Info("tokens of nodes are reviewed again");
    failing_ = false;
    return;
  }
  if (failing_ && MonotonicNow() < next_log_) return;
  failing_ = true;
  next_log_ = MonotonicNow() + kLogInterval;
  log::Error("tokens of nodes can't be reviewed, and no node can connect",
             {{"error", asked.message()}});
}

}  // namespace nodevol::link

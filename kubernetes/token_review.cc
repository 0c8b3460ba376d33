// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/token_review.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "google/protobuf/struct.pb.h"

#include "base/sha256.h"
#include "base/status_macros.h"
#include "kubernetes/json.h"
#include "kubernetes/legible.h"
#include "kubernetes/token.h"

namespace nodevol::kubernetes {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

constexpr char kPath[] = "/apis/authentication.k8s.io/v1/tokenreviews";
// What an API server since Kubernetes 1.32 adds for the token of a pod that is bound to a node.
constexpr char kNodeName[] = "authentication.kubernetes.io/node-name";
constexpr char kNodeUid[] = "authentication.kubernetes.io/node-uid";

Struct RequestFor(const std::string& token, const std::string& audience) {
  Struct request;
  auto& fields = *request.mutable_fields();
  fields["apiVersion"].set_string_value("authentication.k8s.io/v1");
  fields["kind"].set_string_value("TokenReview");
  auto& spec = *fields["spec"].mutable_struct_value()->mutable_fields();
  spec["token"].set_string_value(token);
  spec["audiences"].mutable_list_value()->add_values()->set_string_value(audience);
  return request;
}

absl::Status Refused(absl::string_view why) {
  return absl::UnauthenticatedError(absl::StrCat("the node's token is refused: ", why));
}

// A value of user.extra, which are lists.
absl::StatusOr<std::string> TheOne(const Struct& review, const std::string& name) {
  std::vector<std::string> values = TextsAt(review, {"status", "user", "extra", name});
  if (values.size() == 1 && !values.front().empty()) return std::move(values.front());
  return Refused(
      absl::StrCat("it must be bound to one node, and has ", values.size(), " of ", name,
                   "; take a token that is projected into a pod, with Kubernetes 1.32 or newer"));
}

}  // namespace

ApiTokenReviewer::ApiTokenReviewer(ApiClient& api, const Options& options)
    : api_(api),
      username_(absl::StrCat("system:serviceaccount:",
                             absl::StrReplaceAll(options.service_account, {{"/", ":"}}))),
      cache_(options.cache_for) {}

absl::StatusOr<NodeIdentityOfToken> ApiTokenReviewer::Review(const std::string& token,
                                                             const std::string& audience) {
  // The token itself is kept nowhere.
  const std::string hash = Sha256Hex(absl::StrCat(audience, "\n", token));
  if (std::optional<NodeIdentityOfToken> known = cache_.Find(hash); known.has_value()) {
    return *std::move(known);
  }
  const absl::StatusOr<Struct> review = api_.Post(kPath, RequestFor(token, audience), token);
  if (!review.ok()) {
    // Whatever is wrong, it is not the node's token that was refused.
    return absl::UnavailableError(
        absl::StrCat("tokens can't be reviewed (this takes the right to create tokenreviews in "
                     "authentication.k8s.io): ",
                     review.status().message()));
  }
  ASSIGN_OR_RETURN(NodeIdentityOfToken identity, Judge(*review, token, audience));
  cache_.Keep(hash, identity);
  return identity;
}

absl::StatusOr<NodeIdentityOfToken> ApiTokenReviewer::Judge(const Struct& review,
                                                            const std::string& token,
                                                            const std::string& audience) const {
  const Value* const authenticated = Find(review, {"status", "authenticated"});
  if (authenticated == nullptr || !authenticated->bool_value()) {
    const std::string error = Legible(TextAt(review, {"status", "error"}), {token});
    return Refused(
        absl::StrCat("the API server does not accept it", error.empty() ? "" : ": ", error));
  }
  // An API server that knows nothing of audiences leaves them out.
  const std::vector<std::string> audiences = TextsAt(review, {"status", "audiences"});
  if (std::find(audiences.begin(), audiences.end(), audience) == audiences.end()) {
    return Refused(absl::StrCat("it is not for \"", audience, "\" but for \"",
                                Legible(absl::StrJoin(audiences, ", "), {token}),
                                "\"; project one with this audience (--link-audience)"));
  }
  NodeIdentityOfToken identity;
  identity.username = TextAt(review, {"status", "user", "username"});
  if (identity.username != username_) {
    return Refused(absl::StrCat("it is of \"", Legible(identity.username, {token}),
                                "\", and those of nodes are of \"", username_,
                                "\" (--link-service-account)"));
  }
  ASSIGN_OR_RETURN(identity.node_name, TheOne(review, kNodeName));
  ASSIGN_OR_RETURN(identity.node_uid, TheOne(review, kNodeUid));
  const absl::StatusOr<absl::Time> expiry = EndOfToken(token);
  if (!expiry.ok()) return Refused(expiry.status().message());
  identity.expiry = *expiry;
  if (identity.expiry <= absl::Now()) {
    return Refused(absl::StrCat("it ended at ", absl::FormatTime(*expiry, absl::UTCTimeZone()),
                                ", by this controller's clock"));
  }
  return identity;
}

absl::Status CheckServiceAccount(absl::string_view text) {
  const std::vector<absl::string_view> names = absl::StrSplit(text, '/');
  const auto is_name = [](absl::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return absl::ascii_islower(static_cast<unsigned char>(c)) ||
             absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' || c == '.';
    });
  };
  if (names.size() == 2 && is_name(names[0]) && is_name(names[1])) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" must be NAMESPACE/NAME of the nodes' ServiceAccount"));
}

}  // namespace nodevol::kubernetes

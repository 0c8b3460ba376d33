// SPDX-License-Identifier: Apache-2.0
#include "link/authenticator.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace nodevol::link {
namespace {

constexpr char kScheme[] = "spiffe://";

}  // namespace

std::string NodeUri(absl::string_view trust_domain, absl::string_view node_name) {
  return absl::StrCat(kScheme, trust_domain, "/node/", node_name);
}

std::string ControllerUri(absl::string_view trust_domain) {
  return absl::StrCat(kScheme, trust_domain, "/controller");
}

std::string ControllerDnsName(absl::string_view trust_domain) {
  return absl::StrCat("controller.", trust_domain);
}

void CertificateAuthenticator::Authenticate(const PeerEvidence& evidence, Callback<Peer> done) {
  std::move(done)(PeerOf(evidence));
}

absl::StatusOr<Peer> CertificateAuthenticator::PeerOf(const PeerEvidence& evidence) const {
  const std::vector<std::string>& uris = evidence.uris;
  if (uris.size() == 1) {
    absl::string_view name = uris.front();
    if (absl::ConsumePrefix(&name, NodeUri(trust_domain_, "")) && !name.empty() &&
        name.find('/') == absl::string_view::npos) {
      const absl::StatusOr<absl::Time> end = EndOf(evidence.certificate);
      if (!end.ok()) return absl::UnauthenticatedError(end.status().message());
      return Peer{std::string(name), *end};
    }
  }
  return absl::UnauthenticatedError(absl::StrCat(
      "the peer's certificate must have exactly one URI SAN, ", NodeUri(trust_domain_, "NAME"),
      "; it has ", uris.empty() ? "none" : absl::StrJoin(uris, ", "),
      ". Make it with \"nodevol pki node\""));
}

}  // namespace nodevol::link

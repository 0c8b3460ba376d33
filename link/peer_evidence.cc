// SPDX-License-Identifier: Apache-2.0
#include "link/peer_evidence.h"

#include <iterator>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace nodevol::link {
namespace {

// gRPC's names for what it has verified.
constexpr char kUris[] = "peer_uri";
constexpr char kCertificate[] = "x509_pem_cert";

constexpr char kAuthorization[] = "authorization";
constexpr absl::string_view kBearer = "Bearer ";

std::string TokenOf(const grpc::ServerContextBase& context) {
  const auto [begin, end] = context.client_metadata().equal_range(kAuthorization);
  if (begin == end || std::next(begin) != end) return "";
  const absl::string_view value(begin->second.data(), begin->second.size());
  if (!absl::StartsWithIgnoreCase(value, kBearer)) return "";
  return std::string(value.substr(kBearer.size()));
}

}  // namespace

PeerEvidence EvidenceOf(const grpc::ServerContextBase& context) {
  PeerEvidence evidence;
  evidence.token = TokenOf(context);
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return evidence;
  for (const grpc::string_ref& uri : peer->FindPropertyValues(kUris)) {
    evidence.uris.emplace_back(uri.data(), uri.size());
  }
  for (const grpc::string_ref& certificate : peer->FindPropertyValues(kCertificate)) {
    evidence.certificate.assign(certificate.data(), certificate.size());
  }
  return evidence;
}

}  // namespace nodevol::link

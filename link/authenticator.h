// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_AUTHENTICATOR_H_
#define NODEVOL_LINK_AUTHENTICATOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "base/callback.h"
#include "link/key_pair.h"
#include "link/peer_evidence.h"

namespace nodevol::link {

// Who has opened a stream.
struct Peer {
  std::string node_name;
  // When the proof ends: the stream goes on no longer.
  absl::Time valid_until;
};

// Finds out which node has opened a stream. Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // What TLS is to ask of who connects, before anybody is authenticated.
  [[nodiscard]] virtual ClientCertificate client_certificate() const = 0;

  // Answers UNAUTHENTICATED, with the reason, for who is no node; UNAVAILABLE when that can't be
  // found out now. Nothing that the peer says of itself counts. Does not wait; `done` is called at
  // once or later, on any thread, and not after the authenticator's end.
  virtual void Authenticate(const PeerEvidence& evidence, Callback<Peer> done) = 0;
};

// By the certificate that the peer has proved to hold: its one URI SAN
// spiffe://TRUST_DOMAIN/node/NAME. Nothing else in it counts.
class CertificateAuthenticator final : public Authenticator {
 public:
  explicit CertificateAuthenticator(absl::string_view trust_domain) : trust_domain_(trust_domain) {}

  [[nodiscard]] ClientCertificate client_certificate() const override {
    return ClientCertificate::kRequired;
  }
  void Authenticate(const PeerEvidence& evidence, Callback<Peer> done) override;

 private:
  [[nodiscard]] absl::StatusOr<Peer> PeerOf(const PeerEvidence& evidence) const;

  const std::string trust_domain_;
};

// The URI that a node's certificate has.
std::string NodeUri(absl::string_view trust_domain, absl::string_view node_name);
// The URI that a controller's certificate has.
std::string ControllerUri(absl::string_view trust_domain);
// By which nodes call a controller in the handshake, wherever it is. A certificate with this DNS
// SAN and no URI is a controller's too.
std::string ControllerDnsName(absl::string_view trust_domain);

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_AUTHENTICATOR_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_KEY_PAIR_H_
#define NODEVOL_LINK_KEY_PAIR_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"

namespace nodevol::link {

// Where the certificates are: PEM. Secrets that are mounted are exchanged under their names.
struct KeyFiles {
  std::string ca;    // of all nodes and controllers; may hold several while one takes over
  std::string cert;  // with those between it and the CA, if any
  std::string key;
};

// A certificate with its key, and the CA that the other side's must be of.
struct KeyPair {
  std::string ca;
  std::string cert;
  std::string key;
  absl::Time not_after;

  friend bool operator==(const KeyPair&, const KeyPair&) = default;
};

// Reads the files, and checks what gRPC would only find out in every handshake:
// FAILED_PRECONDITION, naming the file and what is wrong, when one is missing or is no PEM, when
// the key is another certificate's, when the certificate is not of the CA, or is not valid now.
absl::StatusOr<KeyPair> LoadKeyPair(const KeyFiles& files);

// The CA alone, for who shows no certificate: the others are "". Codes as above.
absl::StatusOr<KeyPair> LoadCa(const std::string& file);

// When a certificate (PEM) ends.
absl::StatusOr<absl::Time> EndOf(absl::string_view certificate);

// What a controller's side of TLS asks of who connects.
enum class ClientCertificate { kRequired, kNone };

// Both speak TLS 1.3 or nothing (AllowTls13Only).
std::shared_ptr<grpc::ServerCredentials> ServerCredentialsOf(const KeyPair& pair,
                                                             ClientCertificate of_clients);
// The other side must be a controller of the trust domain: its certificate has ControllerUri, or no
// URI at all and ControllerDnsName. Of LoadCa(), no certificate is shown to it.
std::shared_ptr<grpc::ChannelCredentials> ChannelCredentialsOf(const KeyPair& pair,
                                                               absl::string_view trust_domain);

// For the whole process, before its first handshake: gRPC 1.51 has no other way to say it.
void AllowTls13Only();

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_KEY_PAIR_H_

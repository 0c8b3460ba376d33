// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_PEER_EVIDENCE_H_
#define NODEVOL_LINK_PEER_EVIDENCE_H_

#include <string>
#include <vector>

#include "grpcpp/server_context.h"

namespace nodevol::link {

// What a peer shows of itself when it opens a stream.
struct PeerEvidence {
  // Of the certificate that it has proved to hold, and that is of our CA: the certificate itself
  // (PEM) and its URI SANs. Empty where TLS has asked for none.
  std::string certificate;
  std::vector<std::string> uris;
  // Of "authorization: Bearer TOKEN", looked at by nobody yet; empty unless there is exactly one.
  std::string token;
};

// Valid beyond the context.
PeerEvidence EvidenceOf(const grpc::ServerContextBase& context);

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_PEER_EVIDENCE_H_

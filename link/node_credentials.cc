// SPDX-License-Identifier: Apache-2.0
#include "link/node_credentials.h"

#include "base/status_macros.h"
#include "kubernetes/token.h"

namespace nodevol::link {

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> LoadNodeCredentials(
    const NodeProof& proof) {
  if (proof.token_file.empty()) {
    ASSIGN_OR_RETURN(const KeyPair pair, LoadKeyPair(proof.files));
    return ChannelCredentialsOf(pair, proof.trust_domain);
  }
  ASSIGN_OR_RETURN(const KeyPair ca, LoadCa(proof.files.ca));
  ASSIGN_OR_RETURN(const std::string token, kubernetes::ReadTokenFile(proof.token_file));
  // As credentials of calls, and not as metadata: those gRPC itself sends over TLS only.
  return grpc::CompositeChannelCredentials(ChannelCredentialsOf(ca, proof.trust_domain),
                                           grpc::AccessTokenCredentials(token));
}

}  // namespace nodevol::link

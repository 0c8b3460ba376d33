// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_NODE_CREDENTIALS_H_
#define NODEVOL_LINK_NODE_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/security/credentials.h"

#include "link/key_pair.h"

namespace nodevol::link {

// How a node knows controllers, and by what they know it.
struct NodeProof {
  std::string trust_domain;
  KeyFiles files;  // with a token only the CA counts
  // Of a projected ServiceAccount token, shown instead of a certificate; "" for none.
  std::string token_file = {};
};

// For a connection to a controller, from what the files hold now. A token is told to a controller
// that has proved to be one, over TLS, and to nobody else. FAILED_PRECONDITION, naming the file and
// what is wrong with it.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> LoadNodeCredentials(
    const NodeProof& proof);

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_NODE_CREDENTIALS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_MALFORMED_REQUEST_H_
#define NODEVOL_RPC_MALFORMED_REQUEST_H_

#include <memory>
#include <vector>

#include "grpcpp/support/server_interceptor.h"

namespace nodevol::rpc {

// For the server's builder. What is no valid message (strings that are not UTF-8, a message that is
// cut off) never reaches a handler: gRPC 1.51 answers UNIMPLEMENTED without a word, from which a CO
// learns that the method does not exist. With these it is INVALID_ARGUMENT, and logged.
std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
RefuseMalformedRequests();

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_MALFORMED_REQUEST_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_STATUS_H_
#define NODEVOL_RPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace nodevol::rpc {

// The one place where our statuses become gRPC's: same code, the message at most 1 KiB and never
// empty for an error, no details.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The other way round, for clients.
absl::Status FromGrpcStatus(const grpc::Status& status);

// "OK", "NOT_FOUND": for logs and metrics.
std::string CodeName(absl::StatusCode code);

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_STATUS_H_

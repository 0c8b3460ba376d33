// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_REQUEST_CHECK_H_
#define NODEVOL_RPC_REQUEST_CHECK_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace nodevol::rpc {

// The limits that hold for every request (spec, "Size Limits" and "Required vs. Optional"): strings
// of at most 128 bytes, node ids 256, paths PATH_MAX, maps 4 KiB, mount_flags 4 KiB, and no control
// characters anywhere but in secrets. INVALID_ARGUMENT names the field; values are never repeated.
absl::Status CheckRequest(const google::protobuf::Message& request);

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_REQUEST_CHECK_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_REDACT_H_
#define NODEVOL_RPC_REDACT_H_

#include <string>

#include "google/protobuf/message.h"

namespace nodevol::rpc {

// The message as one line of JSON without what must not be seen: fields that csi.proto marks
// csi_secret and mount_flags, which the spec counts as sensitive too. Found by descriptor, so that
// a field of a future csi.proto is covered when it appears.
std::string RedactedJson(const google::protobuf::Message& message);

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_REDACT_H_

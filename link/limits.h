// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_LIMITS_H_
#define NODEVOL_LINK_LIMITS_H_

#include <cstddef>

#include "grpcpp/server_builder.h"
#include "grpcpp/support/channel_arguments.h"

namespace nodevol::link {

// Of one message, both ways. The parts of an inventory end at a fourth of it.
inline constexpr int kMaxMessageBytes = 4 << 20;
// Operations that a node does at once for a controller. More than any controller has work for; each
// costs little but memory.
inline constexpr size_t kMaxOperations = 4096;
// What is kept of a hello, or logged of an error, that the peer may have made as long as a message.
inline constexpr size_t kMaxTextBytes = 512;

// What one peer can have of a controller: with a certificate it is a node, but a node may be
// stolen.
void SetLimits(grpc::ServerBuilder& builder);
// A node's side of the same; both find out within half a minute that the other is gone.
grpc::ChannelArguments ChannelLimits();

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_LIMITS_H_

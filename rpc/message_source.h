// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_MESSAGE_SOURCE_H_
#define NODEVOL_RPC_MESSAGE_SOURCE_H_

#include <optional>

#include "base/callback.h"

namespace nodevol::rpc {

// The messages of one server-streaming call, made one at a time as they are asked for: a client
// that reads slowly makes nobody work ahead, one that is gone nobody work at all.
template <typename Message>
class MessageSource {
 public:
  virtual ~MessageSource() = default;

  // Answers with the next message; nullopt after the last, or the error that ends the stream, and
  // after either is not called again. Nor is it before the last call has been answered. Does not
  // block, and touches the source no more once it has answered: that may be its end.
  virtual void Next(Callback<std::optional<Message>> done) = 0;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_MESSAGE_SOURCE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_NODE_CONNECTION_H_
#define NODEVOL_LINK_NODE_CONNECTION_H_

#include "absl/status/status.h"

#include "base/callback.h"
#include "proto/link.pb.h"
#include "storage/node_storage.h"

namespace nodevol::link {

// A controller's open stream of one node. Thread-safe.
class NodeConnection {
 public:
  virtual ~NodeConnection() = default;

  // Has the node run the command; its operation number and timeout are filled in. `done` is called
  // once: with the node's result, or UNAVAILABLE when the stream ends before it is there. Then the
  // command may have been run or not, which the status carries (link/outcome.h), unless it had not
  // been sent yet.
  virtual void Send(const storage::OperationContext& context, v1::Command command,
                    Callback<v1::Result> done) = 0;
  // Ends the stream; the node is told why.
  virtual void Close(const absl::Status& why) = 0;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_NODE_CONNECTION_H_

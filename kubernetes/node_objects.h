// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_NODE_OBJECTS_H_
#define NODEVOL_KUBERNETES_NODE_OBJECTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace nodevol::kubernetes {

// A Node object of the cluster, whatever its state: NotReady is there.
struct NodeObject {
  std::string name;
  std::string uid;  // another machine of the same name has another
};

// All Node objects. Thread-safe.
class NodeObjects {
 public:
  virtual ~NodeObjects() = default;

  // Asks the API server, and waits for it: UNAVAILABLE when it does not answer, PERMISSION_DENIED
  // when it may not be asked. Never a part of the list.
  virtual absl::StatusOr<std::vector<NodeObject>> List() = 0;
};

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_NODE_OBJECTS_H_

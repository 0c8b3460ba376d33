// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_STARTUP_TAINTS_H_
#define NODEVOL_CONTROLLER_STARTUP_TAINTS_H_

#include <set>
#include <string>

#include "absl/status/status.h"

#include "kubernetes/node_objects.h"
#include "kubernetes/startup_taint.h"

namespace nodevol::controller {

// Takes the start-up taint off nodes, whether they are connected or not: where all nodes have it
// the cluster's name service waits for that, and nodes find their controllers by it. The API server
// is asked of each Node object until the taint is off, and not again. Not thread-safe.
class StartupTaints {
 public:
  // Both must outlive it.
  StartupTaints(kubernetes::NodeObjects& nodes, kubernetes::StartupTaint& taint)
      : nodes_(nodes), taint_(taint) {}

  // To be called now and then: looks at the nodes that are new, and waits for the API server. The
  // first error ends it; the next call begins with the node behind the one that made it, so that
  // none is in the way of the others.
  absl::Status Tend();

 private:
  kubernetes::NodeObjects& nodes_;
  kubernetes::StartupTaint& taint_;
  std::set<std::string> done_;  // UIDs
  std::string failed_;          // the node with which the last call ended; "" when it did not
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_STARTUP_TAINTS_H_

// SPDX-License-Identifier: Apache-2.0
#include "controller/startup_taints.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace nodevol::controller {

absl::Status StartupTaints::Tend() {
  using kubernetes::NodeObject;
  ASSIGN_OR_RETURN(std::vector<NodeObject> nodes, nodes_.List());
  std::set<std::string> done;  // of nodes that are gone nothing is kept
  for (const NodeObject& node : nodes) {
    if (done_.find(node.uid) != done_.end()) done.insert(node.uid);
  }
  done_ = std::move(done);
  std::sort(nodes.begin(), nodes.end(),
            [](const NodeObject& a, const NodeObject& b) { return a.name < b.name; });
  const auto next = std::upper_bound(
      nodes.begin(), nodes.end(), failed_,
      [](const std::string& name, const NodeObject& node) { return name < node.name; });
  std::rotate(nodes.begin(), next, nodes.end());
  failed_.clear();
  for (const NodeObject& node : nodes) {
    if (done_.find(node.uid) != done_.end()) continue;
    const absl::StatusOr<bool> cleared = taint_.Clear(node);
    if (cleared.ok() && *cleared) done_.insert(node.uid);
    if (cleared.ok() || absl::IsAborted(cleared.status())) continue;
    failed_ = node.name;
    return cleared.status();
  }
  return absl::OkStatus();
}

}  // namespace nodevol::controller

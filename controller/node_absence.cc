// SPDX-License-Identifier: Apache-2.0
#include "controller/node_absence.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace nodevol::controller {

void NodeAbsence::Connected(const std::string& name) {
  Node& node = nodes_[name];
  node.connected = true;
  node.may_be_another = true;
  // An answer to a question of before may have the object of a machine that had the name until now.
  node.when_asked = false;
  node.absent.reset();
  node.gone = false;
}

void NodeAbsence::Disconnected(const std::string& name) { nodes_[name].connected = false; }

void NodeAbsence::Asked() {
  for (auto& [name, node] : nodes_) node.when_asked = node.connected;
}

std::vector<std::string> NodeAbsence::Answered(const std::vector<kubernetes::NodeObject>& objects,
                                               absl::Duration now) {
  absl::Duration passed;
  if (last_answer_.has_value() && now - *last_answer_ <= kLongestGap) passed = now - *last_answer_;
  last_answer_ = now;
  absl::flat_hash_map<absl::string_view, absl::string_view> uids;
  for (const kubernetes::NodeObject& object : objects) uids[object.name] = object.uid;

  std::vector<std::string> gone;
  for (auto& [name, node] : nodes_) {
    const auto found = uids.find(name);
    if (node.connected) {
      if (node.when_asked && found != uids.end()) {
        node.uid = std::string(found->second);
        node.may_be_another = false;
      }
      continue;
    }
    if (node.uid.empty()) continue;
    if (found != uids.end() && (found->second == node.uid || node.may_be_another)) {
      node.absent.reset();
      node.gone = false;
      continue;
    }
    // Time begins with the first sight of its absence.
    node.absent = node.absent.has_value() ? *node.absent + passed : absl::ZeroDuration();
    if (node.gone || *node.absent <= forget_after_) continue;
    node.gone = true;
    gone.push_back(name);
  }
  return gone;
}

bool NodeAbsence::IsGone(const std::string& name) const {
  const auto found = nodes_.find(name);
  return found != nodes_.end() && found->second.gone;
}

}  // namespace nodevol::controller

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_TOPOLOGY_H_
#define NODEVOL_RPC_TOPOLOGY_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "csi/csi.pb.h"

namespace nodevol::rpc {

// Where volumes are: one key, whose value is the node's name.
class Topology {
 public:
  explicit Topology(absl::string_view driver_name)
      : key_(absl::StrCat("topology.", driver_name, "/node")) {}

  [[nodiscard]] csi::v1::Topology SegmentOf(const std::string& node_id) const {
    csi::v1::Topology topology;
    (*topology.mutable_segments())[key_] = node_id;
    return topology;
  }

  // The node that a segment names; "" when it does not name one.
  [[nodiscard]] std::string NodeOf(const csi::v1::Topology& topology) const {
    const auto found = topology.segments().find(key_);
    return found == topology.segments().end() ? std::string() : found->second;
  }

 private:
  const std::string key_;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_TOPOLOGY_H_

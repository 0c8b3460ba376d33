// SPDX-License-Identifier: Apache-2.0
#include "controller/single_node.h"

#include "absl/strings/str_cat.h"

namespace nodevol::controller {

absl::StatusOr<Place> SingleNode::PlaceVolume(const v1::VolumeRequest& request,
                                              const Accessibility& accessibility) {
  if (accessibility.Allows(node_->node_id())) return Place{node_, nullptr};
  if (node_->FindVolume(request.name()) != nullptr) {
    return ExistsOutside(request.name(), node_->node_id());
  }
  return absl::ResourceExhaustedError(absl::StrCat("the accessibility requirements exclude node ",
                                                   node_->node_id(), ", the only one with pools"));
}

storage::Page<OnNode<storage::VolumePtr>> SingleNode::ListVolumes(
    const storage::ListQuery& query) const {
  return On(node_->node_id(), node_->ListVolumes(query));
}

storage::Page<OnNode<storage::SnapshotPtr>> SingleNode::ListSnapshots(
    const storage::ListQuery& query, const std::string& source_volume_id) const {
  return On(node_->node_id(), node_->ListSnapshots(query, source_volume_id));
}

absl::StatusOr<storage::Capacity> SingleNode::GetCapacity(
    const std::string& node_id, const storage::CapacityQuery& query) const {
  if (!node_id.empty() && !HasNode(node_id)) return storage::Capacity();
  return node_->GetCapacity(query);
}

}  // namespace nodevol::controller

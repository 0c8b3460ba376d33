// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_SINGLE_NODE_H_
#define NODEVOL_CONTROLLER_SINGLE_NODE_H_

#include <memory>
#include <string>

#include "controller/cluster.h"

namespace nodevol::controller {

// The cluster of one node, in the same process (--role=all): it is never away, knows of each id
// whether it is its own, and locks names itself.
class SingleNode final : public Cluster {
 public:
  // The storage must outlive this.
  explicit SingleNode(storage::NodeStorage& storage) : node_(std::shared_ptr<void>(), &storage) {}

  absl::StatusOr<NodePtr> NodeToAsk(absl::string_view) const override { return node_; }
  absl::StatusOr<NodePtr> NodeToChange(absl::string_view) const override { return node_; }
  absl::StatusOr<NodePtr> NodeToDelete(const Deletion&) override { return node_; }
  [[nodiscard]] bool HasNode(const std::string& node_id) const override {
    return node_id == node_->node_id();
  }
  absl::StatusOr<Place> PlaceVolume(const v1::VolumeRequest& request,
                                    const Accessibility& accessibility) override;
  absl::StatusOr<Place> PlaceSnapshot(const v1::SnapshotRequest&) override {
    return Place{node_, nullptr};
  }
  absl::StatusOr<Place> PlaceGroup(const v1::GroupSnapshotRequest&) override {
    return Place{node_, nullptr};
  }
  storage::Page<OnNode<storage::VolumePtr>> ListVolumes(
      const storage::ListQuery& query) const override;
  storage::Page<OnNode<storage::SnapshotPtr>> ListSnapshots(
      const storage::ListQuery& query, const std::string& source_volume_id) const override;
  storage::Page<storage::VolumeHealth> ListVolumeHealth(
      const storage::ListQuery& query) const override {
    return node_->ListVolumeHealth(query);
  }
  absl::StatusOr<storage::VolumeHealth> GetVolumeHealth(
      const storage::VolumeId& id) const override {
    return node_->GetVolumeHealth(id);
  }
  absl::StatusOr<storage::Capacity> GetCapacity(const std::string& node_id,
                                                const storage::CapacityQuery& query) const override;

 private:
  const NodePtr node_;  // owns nothing
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_SINGLE_NODE_H_

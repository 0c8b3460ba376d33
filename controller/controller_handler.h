// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_CONTROLLER_HANDLER_H_
#define NODEVOL_CONTROLLER_CONTROLLER_HANDLER_H_

#include "base/callback.h"
#include "controller/cluster.h"
#include "csi/csi.pb.h"
#include "rpc/topology.h"
#include "storage/node_storage.h"

namespace nodevol::controller {

// Decides csi.v1.Controller: checks a request, finds the node, asks its storage, words the answer.
// It knows storage only as the abstract NodeStorage. The codes are those of the spec's error
// tables.
class ControllerHandler {
 public:
  using Context = storage::OperationContext;

  // The cluster must outlive the handler. With `health` the calls for volume health are served.
  ControllerHandler(Cluster& cluster, rpc::Topology topology, bool health = false)
      : cluster_(cluster), topology_(std::move(topology)), health_(health) {}

  void CreateVolume(const Context& context, const csi::v1::CreateVolumeRequest& request,
                    Callback<csi::v1::CreateVolumeResponse> done);
  void DeleteVolume(const Context& context, const csi::v1::DeleteVolumeRequest& request,
                    Callback<csi::v1::DeleteVolumeResponse> done);
  void PublishVolume(const Context& context, const csi::v1::ControllerPublishVolumeRequest& request,
                     Callback<csi::v1::ControllerPublishVolumeResponse> done);
  void UnpublishVolume(const Context& context,
                       const csi::v1::ControllerUnpublishVolumeRequest& request,
                       Callback<csi::v1::ControllerUnpublishVolumeResponse> done);
  void ExpandVolume(const Context& context, const csi::v1::ControllerExpandVolumeRequest& request,
                    Callback<csi::v1::ControllerExpandVolumeResponse> done);
  void ModifyVolume(const Context& context, const csi::v1::ControllerModifyVolumeRequest& request,
                    Callback<csi::v1::ControllerModifyVolumeResponse> done);
  void CreateSnapshot(const Context& context, const csi::v1::CreateSnapshotRequest& request,
                      Callback<csi::v1::CreateSnapshotResponse> done);
  void DeleteSnapshot(const Context& context, const csi::v1::DeleteSnapshotRequest& request,
                      Callback<csi::v1::DeleteSnapshotResponse> done);

  // Answered from memory.
  [[nodiscard]] csi::v1::ControllerGetCapabilitiesResponse GetCapabilities() const;
  [[nodiscard]] absl::StatusOr<csi::v1::ValidateVolumeCapabilitiesResponse> ValidateCapabilities(
      const csi::v1::ValidateVolumeCapabilitiesRequest& request) const;
  [[nodiscard]] absl::StatusOr<csi::v1::ListVolumesResponse> ListVolumes(
      const csi::v1::ListVolumesRequest& request) const;
  [[nodiscard]] absl::StatusOr<csi::v1::GetCapacityResponse> GetCapacity(
      const csi::v1::GetCapacityRequest& request) const;
  [[nodiscard]] absl::StatusOr<csi::v1::ControllerGetVolumeResponse> GetVolume(
      const csi::v1::ControllerGetVolumeRequest& request) const;
  // UNIMPLEMENTED unless health is served.
  [[nodiscard]] absl::StatusOr<csi::v1::ControllerGetVolumeHealthResponse> GetVolumeHealth(
      const csi::v1::ControllerGetVolumeHealthRequest& request) const;
  [[nodiscard]] absl::StatusOr<csi::v1::ControllerListVolumeHealthResponse> ListVolumeHealth(
      const csi::v1::ControllerListVolumeHealthRequest& request) const;
  [[nodiscard]] absl::StatusOr<csi::v1::ListSnapshotsResponse> ListSnapshots(
      const csi::v1::ListSnapshotsRequest& request) const;
  [[nodiscard]] absl::StatusOr<csi::v1::GetSnapshotResponse> GetSnapshot(
      const csi::v1::GetSnapshotRequest& request) const;

 private:
  // A volume, and the node that has it.
  struct Found {
    storage::VolumePtr volume;
    NodePtr node;
  };
  [[nodiscard]] absl::StatusOr<Found> Find(const std::string& volume_id) const;
  [[nodiscard]] absl::StatusOr<storage::SnapshotPtr> FindSnapshot(
      const std::string& snapshot_id) const;
  // The same to change it. What is known here may be a moment behind the node: without a volume the
  // node is to say that there is none.
  [[nodiscard]] absl::StatusOr<Found> FindToChange(const std::string& volume_id) const;
  [[nodiscard]] csi::v1::Volume ToCsi(const v1::VolumeRecord& volume,
                                      const std::string& node_id) const;
  [[nodiscard]] Accessibility AccessibilityOf(const csi::v1::CreateVolumeRequest& request) const;
  [[nodiscard]] absl::Status CheckNode(const csi::v1::ControllerPublishVolumeRequest& request,
                                       const storage::NodeStorage& node) const;

  Cluster& cluster_;
  const rpc::Topology topology_;
  const bool health_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_CONTROLLER_HANDLER_H_

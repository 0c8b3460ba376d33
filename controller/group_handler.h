// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_GROUP_HANDLER_H_
#define NODEVOL_CONTROLLER_GROUP_HANDLER_H_

#include "absl/status/statusor.h"

#include "base/callback.h"
#include "controller/cluster.h"
#include "csi/csi.pb.h"
#include "storage/node_storage.h"

namespace nodevol::controller {

// Decides csi.v1.GroupController, as ControllerHandler does csi.v1.Controller.
class GroupHandler {
 public:
  using Context = storage::OperationContext;

  // The cluster must outlive the handler.
  explicit GroupHandler(Cluster& cluster) : cluster_(cluster) {}

  void CreateGroupSnapshot(const Context& context,
                           const csi::v1::CreateVolumeGroupSnapshotRequest& request,
                           Callback<csi::v1::CreateVolumeGroupSnapshotResponse> done);
  void DeleteGroupSnapshot(const Context& context,
                           const csi::v1::DeleteVolumeGroupSnapshotRequest& request,
                           Callback<csi::v1::DeleteVolumeGroupSnapshotResponse> done);

  // Answered from memory.
  [[nodiscard]] static csi::v1::GroupControllerGetCapabilitiesResponse GetCapabilities();
  [[nodiscard]] absl::StatusOr<csi::v1::GetVolumeGroupSnapshotResponse> GetGroupSnapshot(
      const csi::v1::GetVolumeGroupSnapshotRequest& request) const;

 private:
  Cluster& cluster_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_GROUP_HANDLER_H_

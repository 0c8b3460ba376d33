// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_GROUP_SERVICE_H_
#define NODEVOL_CONTROLLER_GROUP_SERVICE_H_

#include "controller/group_handler.h"
#include "csi/csi.grpc.pb.h"
#include "rpc/calls.h"

namespace nodevol::controller {

// csi.v1.GroupController over gRPC.
class GroupService final : public csi::v1::GroupController::CallbackService {
 public:
  // Both must outlive the service.
  GroupService(rpc::Calls& calls, GroupHandler& handler) : calls_(calls), handler_(handler) {}

  grpc::ServerUnaryReactor* GroupControllerGetCapabilities(
      grpc::CallbackServerContext* context,
      const csi::v1::GroupControllerGetCapabilitiesRequest* request,
      csi::v1::GroupControllerGetCapabilitiesResponse* response) override;
  grpc::ServerUnaryReactor* CreateVolumeGroupSnapshot(
      grpc::CallbackServerContext* context,
      const csi::v1::CreateVolumeGroupSnapshotRequest* request,
      csi::v1::CreateVolumeGroupSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* DeleteVolumeGroupSnapshot(
      grpc::CallbackServerContext* context,
      const csi::v1::DeleteVolumeGroupSnapshotRequest* request,
      csi::v1::DeleteVolumeGroupSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* GetVolumeGroupSnapshot(
      grpc::CallbackServerContext* context, const csi::v1::GetVolumeGroupSnapshotRequest* request,
      csi::v1::GetVolumeGroupSnapshotResponse* response) override;

 private:
  rpc::Calls& calls_;
  GroupHandler& handler_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_GROUP_SERVICE_H_

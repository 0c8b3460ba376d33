// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_CONTROLLER_SERVICE_H_
#define NODEVOL_CONTROLLER_CONTROLLER_SERVICE_H_

#include "controller/controller_handler.h"
#include "csi/csi.grpc.pb.h"
#include "rpc/calls.h"

namespace nodevol::controller {

// csi.v1.Controller over gRPC. What is not overridden answers UNIMPLEMENTED.
class ControllerService final : public csi::v1::Controller::CallbackService {
 public:
  // Both must outlive the service.
  ControllerService(rpc::Calls& calls, ControllerHandler& handler)
      : calls_(calls), handler_(handler) {}

  grpc::ServerUnaryReactor* CreateVolume(grpc::CallbackServerContext* context,
                                         const csi::v1::CreateVolumeRequest* request,
                                         csi::v1::CreateVolumeResponse* response) override;
  grpc::ServerUnaryReactor* DeleteVolume(grpc::CallbackServerContext* context,
                                         const csi::v1::DeleteVolumeRequest* request,
                                         csi::v1::DeleteVolumeResponse* response) override;
  grpc::ServerUnaryReactor* ControllerPublishVolume(
      grpc::CallbackServerContext* context, const csi::v1::ControllerPublishVolumeRequest* request,
      csi::v1::ControllerPublishVolumeResponse* response) override;
  grpc::ServerUnaryReactor* ControllerUnpublishVolume(
      grpc::CallbackServerContext* context,
      const csi::v1::ControllerUnpublishVolumeRequest* request,
      csi::v1::ControllerUnpublishVolumeResponse* response) override;
  grpc::ServerUnaryReactor* ValidateVolumeCapabilities(
      grpc::CallbackServerContext* context,
      const csi::v1::ValidateVolumeCapabilitiesRequest* request,
      csi::v1::ValidateVolumeCapabilitiesResponse* response) override;
  grpc::ServerUnaryReactor* ListVolumes(grpc::CallbackServerContext* context,
                                        const csi::v1::ListVolumesRequest* request,
                                        csi::v1::ListVolumesResponse* response) override;
  grpc::ServerUnaryReactor* GetCapacity(grpc::CallbackServerContext* context,
                                        const csi::v1::GetCapacityRequest* request,
                                        csi::v1::GetCapacityResponse* response) override;
  grpc::ServerUnaryReactor* ControllerGetCapabilities(
      grpc::CallbackServerContext* context,
      const csi::v1::ControllerGetCapabilitiesRequest* request,
      csi::v1::ControllerGetCapabilitiesResponse* response) override;
  grpc::ServerUnaryReactor* CreateSnapshot(grpc::CallbackServerContext* context,
                                           const csi::v1::CreateSnapshotRequest* request,
                                           csi::v1::CreateSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* DeleteSnapshot(grpc::CallbackServerContext* context,
                                           const csi::v1::DeleteSnapshotRequest* request,
                                           csi::v1::DeleteSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* ListSnapshots(grpc::CallbackServerContext* context,
                                          const csi::v1::ListSnapshotsRequest* request,
                                          csi::v1::ListSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* GetSnapshot(grpc::CallbackServerContext* context,
                                        const csi::v1::GetSnapshotRequest* request,
                                        csi::v1::GetSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* ControllerExpandVolume(
      grpc::CallbackServerContext* context, const csi::v1::ControllerExpandVolumeRequest* request,
      csi::v1::ControllerExpandVolumeResponse* response) override;
  grpc::ServerUnaryReactor* ControllerGetVolumeHealth(
      grpc::CallbackServerContext* context,
      const csi::v1::ControllerGetVolumeHealthRequest* request,
      csi::v1::ControllerGetVolumeHealthResponse* response) override;
  grpc::ServerUnaryReactor* ControllerListVolumeHealth(
      grpc::CallbackServerContext* context,
      const csi::v1::ControllerListVolumeHealthRequest* request,
      csi::v1::ControllerListVolumeHealthResponse* response) override;
  grpc::ServerUnaryReactor* ControllerModifyVolume(
      grpc::CallbackServerContext* context, const csi::v1::ControllerModifyVolumeRequest* request,
      csi::v1::ControllerModifyVolumeResponse* response) override;
  grpc::ServerUnaryReactor* ControllerGetVolume(
      grpc::CallbackServerContext* context, const csi::v1::ControllerGetVolumeRequest* request,
      csi::v1::ControllerGetVolumeResponse* response) override;

 private:
  rpc::Calls& calls_;
  ControllerHandler& handler_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_CONTROLLER_SERVICE_H_

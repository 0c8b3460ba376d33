// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_ADMIN_SERVICE_H_
#define NODEVOL_ADMIN_ADMIN_SERVICE_H_

#include "admin/admin_handler.h"
#include "proto/admin.grpc.pb.h"
#include "rpc/calls.h"

namespace nodevol::admin {

// nodevol.admin.v1.Admin over gRPC.
class AdminService final : public v1::Admin::CallbackService {
 public:
  // Both must outlive the service.
  AdminService(rpc::Calls& calls, AdminHandler& handler) : calls_(calls), handler_(handler) {}

  grpc::ServerUnaryReactor* ListPools(grpc::CallbackServerContext* context,
                                      const v1::ListPoolsRequest* request,
                                      v1::ListPoolsResponse* response) override;
  grpc::ServerUnaryReactor* ListVolumes(grpc::CallbackServerContext* context,
                                        const v1::ListVolumesRequest* request,
                                        v1::ListVolumesResponse* response) override;
  grpc::ServerUnaryReactor* GetVolume(grpc::CallbackServerContext* context,
                                      const v1::GetVolumeRequest* request,
                                      v1::GetVolumeResponse* response) override;
  grpc::ServerUnaryReactor* ListSnapshots(grpc::CallbackServerContext* context,
                                          const v1::ListSnapshotsRequest* request,
                                          v1::ListSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* UndeleteVolume(grpc::CallbackServerContext* context,
                                           const v1::UndeleteVolumeRequest* request,
                                           v1::UndeleteVolumeResponse* response) override;
  grpc::ServerUnaryReactor* DeleteVolume(grpc::CallbackServerContext* context,
                                         const v1::DeleteVolumeRequest* request,
                                         v1::DeleteVolumeResponse* response) override;
  grpc::ServerUnaryReactor* DeleteSnapshot(grpc::CallbackServerContext* context,
                                           const v1::DeleteSnapshotRequest* request,
                                           v1::DeleteSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* Diagnose(grpc::CallbackServerContext* context,
                                     const v1::DiagnoseRequest* request,
                                     v1::DiagnoseResponse* response) override;

 private:
  rpc::Calls& calls_;
  AdminHandler& handler_;
};

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_ADMIN_SERVICE_H_

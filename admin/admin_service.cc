// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_service.h"

#include <utility>

namespace nodevol::admin {

grpc::ServerUnaryReactor* AdminService::ListPools(grpc::CallbackServerContext* context,
                                                  const v1::ListPoolsRequest* request,
                                                  v1::ListPoolsResponse* response) {
  return calls_.Run({"Admin/ListPools"}, context, request, response,
                    [this](const auto&, const auto& valid, auto done) {
                      handler_.ListPools(valid, std::move(done));
                    });
}

grpc::ServerUnaryReactor* AdminService::ListVolumes(grpc::CallbackServerContext* context,
                                                    const v1::ListVolumesRequest* request,
                                                    v1::ListVolumesResponse* response) {
  return calls_.Run({"Admin/ListVolumes"}, context, request, response,
                    [this](const auto&, const auto& valid, auto done) {
                      handler_.ListVolumes(valid, std::move(done));
                    });
}

grpc::ServerUnaryReactor* AdminService::GetVolume(grpc::CallbackServerContext* context,
                                                  const v1::GetVolumeRequest* request,
                                                  v1::GetVolumeResponse* response) {
  return calls_.Run({"Admin/GetVolume"}, context, request, response,
                    [this](const auto&, const auto& valid, auto done) {
                      handler_.GetVolume(valid, std::move(done));
                    });
}

grpc::ServerUnaryReactor* AdminService::ListSnapshots(grpc::CallbackServerContext* context,
                                                      const v1::ListSnapshotsRequest* request,
                                                      v1::ListSnapshotsResponse* response) {
  return calls_.Run({"Admin/ListSnapshots"}, context, request, response,
                    [this](const auto&, const auto& valid, auto done) {
                      handler_.ListSnapshots(valid, std::move(done));
                    });
}

grpc::ServerUnaryReactor* AdminService::UndeleteVolume(grpc::CallbackServerContext* context,
                                                       const v1::UndeleteVolumeRequest* request,
                                                       v1::UndeleteVolumeResponse* response) {
  return calls_.Run({"Admin/UndeleteVolume"}, context, request, response,
                    [this](const auto&, const auto& valid, auto done) {
                      handler_.UndeleteVolume(valid, std::move(done));
                    });
}

grpc::ServerUnaryReactor* AdminService::DeleteVolume(grpc::CallbackServerContext* context,
                                                     const v1::DeleteVolumeRequest* request,
                                                     v1::DeleteVolumeResponse* response) {
  return calls_.Run({"Admin/DeleteVolume"}, context, request, response,
                    [this](const auto&, const auto& valid, auto done) {
                      handler_.DeleteVolume(valid, std::move(done));
                    });
}

grpc::ServerUnaryReactor* AdminService::DeleteSnapshot(grpc::CallbackServerContext* context,
                                                       const v1::DeleteSnapshotRequest* request,
                                                       v1::DeleteSnapshotResponse* response) {
  return calls_.Run({"Admin/DeleteSnapshot"}, context, request, response,
                    [this](const auto&, const auto& valid, auto done) {
                      handler_.DeleteSnapshot(valid, std::move(done));
                    });
}

grpc::ServerUnaryReactor* AdminService::Diagnose(grpc::CallbackServerContext* context,
                                                 const v1::DiagnoseRequest* request,
                                                 v1::DiagnoseResponse* response) {
  return calls_.Run({"Admin/Diagnose"}, context, request, response,
                    [this](const auto&, const auto& valid, auto done) {
                      handler_.Diagnose(valid, std::move(done));
                    });
}

}  // namespace nodevol::admin

// SPDX-License-Identifier: Apache-2.0
#include "controller/group_service.h"

#include <utility>

namespace nodevol::controller {

using Context = storage::OperationContext;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

ServerUnaryReactor* GroupService::GroupControllerGetCapabilities(
    CallbackServerContext* context, const csi::v1::GroupControllerGetCapabilitiesRequest* request,
    csi::v1::GroupControllerGetCapabilitiesResponse* response) {
  return calls_.Run({"GroupControllerGetCapabilities", /*quiet=*/true}, context, request, response,
                    [](const Context&, const csi::v1::GroupControllerGetCapabilitiesRequest&,
                       Callback<csi::v1::GroupControllerGetCapabilitiesResponse> done) {
                      std::move(done)(GroupHandler::GetCapabilities());
                    });
}

ServerUnaryReactor* GroupService::CreateVolumeGroupSnapshot(
    CallbackServerContext* context, const csi::v1::CreateVolumeGroupSnapshotRequest* request,
    csi::v1::CreateVolumeGroupSnapshotResponse* response) {
  return calls_.Run(
      {"CreateVolumeGroupSnapshot"}, context, request, response,
      [this](const Context& operation, const csi::v1::CreateVolumeGroupSnapshotRequest& checked,
             Callback<csi::v1::CreateVolumeGroupSnapshotResponse> done) {
        handler_.CreateGroupSnapshot(operation, checked, std::move(done));
      });
}

ServerUnaryReactor* GroupService::DeleteVolumeGroupSnapshot(
    CallbackServerContext* context, const csi::v1::DeleteVolumeGroupSnapshotRequest* request,
    csi::v1::DeleteVolumeGroupSnapshotResponse* response) {
  return calls_.Run(
      {"DeleteVolumeGroupSnapshot"}, context, request, response,
      [this](const Context& operation, const csi::v1::DeleteVolumeGroupSnapshotRequest& checked,
             Callback<csi::v1::DeleteVolumeGroupSnapshotResponse> done) {
        handler_.DeleteGroupSnapshot(operation, checked, std::move(done));
      });
}

ServerUnaryReactor* GroupService::GetVolumeGroupSnapshot(
    CallbackServerContext* context, const csi::v1::GetVolumeGroupSnapshotRequest* request,
    csi::v1::GetVolumeGroupSnapshotResponse* response) {
  return calls_.Run({"GetVolumeGroupSnapshot"}, context, request, response,
                    [this](const Context&, const csi::v1::GetVolumeGroupSnapshotRequest& checked,
                           Callback<csi::v1::GetVolumeGroupSnapshotResponse> done) {
                      std::move(done)(handler_.GetGroupSnapshot(checked));
                    });
}

}  // namespace nodevol::controller

// SPDX-License-Identifier: Apache-2.0
#include "controller/controller_service.h"

#include <utility>

namespace nodevol::controller {

using Context = storage::OperationContext;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

ServerUnaryReactor* ControllerService::CreateVolume(CallbackServerContext* context,
                                                    const csi::v1::CreateVolumeRequest* request,
                                                    csi::v1::CreateVolumeResponse* response) {
  return calls_.Run({"CreateVolume"}, context, request, response,
                    [this](const Context& operation, const csi::v1::CreateVolumeRequest& checked,
                           Callback<csi::v1::CreateVolumeResponse> done) {
                      handler_.CreateVolume(operation, checked, std::move(done));
                    });
}

ServerUnaryReactor* ControllerService::DeleteVolume(CallbackServerContext* context,
                                                    const csi::v1::DeleteVolumeRequest* request,
                                                    csi::v1::DeleteVolumeResponse* response) {
  return calls_.Run({"DeleteVolume"}, context, request, response,
                    [this](const Context& operation, const csi::v1::DeleteVolumeRequest& checked,
                           Callback<csi::v1::DeleteVolumeResponse> done) {
                      handler_.DeleteVolume(operation, checked, std::move(done));
                    });
}

ServerUnaryReactor* ControllerService::ControllerPublishVolume(
    CallbackServerContext* context, const csi::v1::ControllerPublishVolumeRequest* request,
    csi::v1::ControllerPublishVolumeResponse* response) {
  return calls_.Run(
      {"ControllerPublishVolume"}, context, request, response,
      [this](const Context& operation, const csi::v1::ControllerPublishVolumeRequest& checked,
             Callback<csi::v1::ControllerPublishVolumeResponse> done) {
        handler_.PublishVolume(operation, checked, std::move(done));
      });
}

ServerUnaryReactor* ControllerService::ControllerUnpublishVolume(
    CallbackServerContext* context, const csi::v1::ControllerUnpublishVolumeRequest* request,
    csi::v1::ControllerUnpublishVolumeResponse* response) {
  return calls_.Run(
      {"ControllerUnpublishVolume"}, context, request, response,
      [this](const Context& operation, const csi::v1::ControllerUnpublishVolumeRequest& checked,
             Callback<csi::v1::ControllerUnpublishVolumeResponse> done) {
        handler_.UnpublishVolume(operation, checked, std::move(done));
      });
}

ServerUnaryReactor* ControllerService::ValidateVolumeCapabilities(
    CallbackServerContext* context, const csi::v1::ValidateVolumeCapabilitiesRequest* request,
    csi::v1::ValidateVolumeCapabilitiesResponse* response) {
  return calls_.Run(
      {"ValidateVolumeCapabilities"}, context, request, response,
      [this](const Context&, const csi::v1::ValidateVolumeCapabilitiesRequest& checked,
             Callback<csi::v1::ValidateVolumeCapabilitiesResponse> done) {
        std::move(done)(handler_.ValidateCapabilities(checked));
      });
}

ServerUnaryReactor* ControllerService::ListVolumes(CallbackServerContext* context,
                                                   const csi::v1::ListVolumesRequest* request,
                                                   csi::v1::ListVolumesResponse* response) {
  return calls_.Run({"ListVolumes"}, context, request, response,
                    [this](const Context&, const csi::v1::ListVolumesRequest& checked,
                           Callback<csi::v1::ListVolumesResponse> done) {
                      std::move(done)(handler_.ListVolumes(checked));
                    });
}

ServerUnaryReactor* ControllerService::GetCapacity(CallbackServerContext* context,
                                                   const csi::v1::GetCapacityRequest* request,
                                                   csi::v1::GetCapacityResponse* response) {
  return calls_.Run({"GetCapacity", true}, context, request, response,
                    [this](const Context&, const csi::v1::GetCapacityRequest& checked,
                           Callback<csi::v1::GetCapacityResponse> done) {
                      std::move(done)(handler_.GetCapacity(checked));
                    });
}

ServerUnaryReactor* ControllerService::ControllerGetCapabilities(
    CallbackServerContext* context, const csi::v1::ControllerGetCapabilitiesRequest* request,
    csi::v1::ControllerGetCapabilitiesResponse* response) {
  return calls_.Run({"ControllerGetCapabilities", true}, context, request, response,
                    [this](const Context&, const csi::v1::ControllerGetCapabilitiesRequest&,
                           Callback<csi::v1::ControllerGetCapabilitiesResponse> done) {
                      std::move(done)(handler_.GetCapabilities());
                    });
}

ServerUnaryReactor* ControllerService::CreateSnapshot(CallbackServerContext* context,
                                                      const csi::v1::CreateSnapshotRequest* request,
                                                      csi::v1::CreateSnapshotResponse* response) {
  return calls_.Run({"CreateSnapshot"}, context, request, response,
                    [this](const Context& operation, const csi::v1::CreateSnapshotRequest& checked,
                           Callback<csi::v1::CreateSnapshotResponse> done) {
                      handler_.CreateSnapshot(operation, checked, std::move(done));
                    });
}

ServerUnaryReactor* ControllerService::DeleteSnapshot(CallbackServerContext* context,
                                                      const csi::v1::DeleteSnapshotRequest* request,
                                                      csi::v1::DeleteSnapshotResponse* response) {
  return calls_.Run({"DeleteSnapshot"}, context, request, response,
                    [this](const Context& operation, const csi::v1::DeleteSnapshotRequest& checked,
                           Callback<csi::v1::DeleteSnapshotResponse> done) {
                      handler_.DeleteSnapshot(operation, checked, std::move(done));
                    });
}

ServerUnaryReactor* ControllerService::ListSnapshots(CallbackServerContext* context,
                                                     const csi::v1::ListSnapshotsRequest* request,
                                                     csi::v1::ListSnapshotsResponse* response) {
  return calls_.Run({"ListSnapshots"}, context, request, response,
                    [this](const Context&, const csi::v1::ListSnapshotsRequest& checked,
                           Callback<csi::v1::ListSnapshotsResponse> done) {
                      std::move(done)(handler_.ListSnapshots(checked));
                    });
}

ServerUnaryReactor* ControllerService::GetSnapshot(CallbackServerContext* context,
                                                   const csi::v1::GetSnapshotRequest* request,
                                                   csi::v1::GetSnapshotResponse* response) {
  return calls_.Run({"GetSnapshot"}, context, request, response,
                    [this](const Context&, const csi::v1::GetSnapshotRequest& checked,
                           Callback<csi::v1::GetSnapshotResponse> done) {
                      std::move(done)(handler_.GetSnapshot(checked));
                    });
}

ServerUnaryReactor* ControllerService::ControllerExpandVolume(
    CallbackServerContext* context, const csi::v1::ControllerExpandVolumeRequest* request,
    csi::v1::ControllerExpandVolumeResponse* response) {
  return calls_.Run(
      {"ControllerExpandVolume"}, context, request, response,
      [this](const Context& operation, const csi::v1::ControllerExpandVolumeRequest& checked,
             Callback<csi::v1::ControllerExpandVolumeResponse> done) {
        handler_.ExpandVolume(operation, checked, std::move(done));
      });
}

ServerUnaryReactor* ControllerService::ControllerModifyVolume(
    CallbackServerContext* context, const csi::v1::ControllerModifyVolumeRequest* request,
    csi::v1::ControllerModifyVolumeResponse* response) {
  return calls_.Run(
      {"ControllerModifyVolume"}, context, request, response,
      [this](const Context& operation, const csi::v1::ControllerModifyVolumeRequest& checked,
             Callback<csi::v1::ControllerModifyVolumeResponse> done) {
        handler_.ModifyVolume(operation, checked, std::move(done));
      });
}

ServerUnaryReactor* ControllerService::ControllerGetVolume(
    CallbackServerContext* context, const csi::v1::ControllerGetVolumeRequest* request,
    csi::v1::ControllerGetVolumeResponse* response) {
  return calls_.Run({"ControllerGetVolume"}, context, request, response,
                    [this](const Context&, const csi::v1::ControllerGetVolumeRequest& checked,
                           Callback<csi::v1::ControllerGetVolumeResponse> done) {
                      std::move(done)(handler_.GetVolume(checked));
                    });
}

ServerUnaryReactor* ControllerService::ControllerGetVolumeHealth(
    CallbackServerContext* context, const csi::v1::ControllerGetVolumeHealthRequest* request,
    csi::v1::ControllerGetVolumeHealthResponse* response) {
  return calls_.Run({"ControllerGetVolumeHealth", true}, context, request, response,
                    [this](const Context&, const csi::v1::ControllerGetVolumeHealthRequest& checked,
                           Callback<csi::v1::ControllerGetVolumeHealthResponse> done) {
                      std::move(done)(handler_.GetVolumeHealth(checked));
                    });
}

ServerUnaryReactor* ControllerService::ControllerListVolumeHealth(
    CallbackServerContext* context, const csi::v1::ControllerListVolumeHealthRequest* request,
    csi::v1::ControllerListVolumeHealthResponse* response) {
  return calls_.Run(
      {"ControllerListVolumeHealth", true}, context, request, response,
      [this](const Context&, const csi::v1::ControllerListVolumeHealthRequest& checked,
             Callback<csi::v1::ControllerListVolumeHealthResponse> done) {
        std::move(done)(handler_.ListVolumeHealth(checked));
      });
}

}  // namespace nodevol::controller

// SPDX-License-Identifier: Apache-2.0
#include "controller/snapshot_metadata_service.h"

namespace nodevol::controller {

grpc::ServerWriteReactor<csi::v1::GetMetadataAllocatedResponse>*
SnapshotMetadataService::GetMetadataAllocated(grpc::CallbackServerContext* context,
                                              const csi::v1::GetMetadataAllocatedRequest* request) {
  return calls_.Stream<csi::v1::GetMetadataAllocatedResponse>(
      {"GetMetadataAllocated"}, context, request,
      [this](const auto& operation, const auto& checked) {
        return handler_.GetMetadataAllocated(operation, checked);
      });
}

grpc::ServerWriteReactor<csi::v1::GetMetadataDeltaResponse>*
SnapshotMetadataService::GetMetadataDelta(grpc::CallbackServerContext* context,
                                          const csi::v1::GetMetadataDeltaRequest* request) {
  return calls_.Stream<csi::v1::GetMetadataDeltaResponse>(
      {"GetMetadataDelta"}, context, request, [this](const auto& operation, const auto& checked) {
        return handler_.GetMetadataDelta(operation, checked);
      });
}

}  // namespace nodevol::controller

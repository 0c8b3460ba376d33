// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_SNAPSHOT_METADATA_SERVICE_H_
#define NODEVOL_CONTROLLER_SNAPSHOT_METADATA_SERVICE_H_

#include "controller/snapshot_metadata_handler.h"
#include "csi/csi.grpc.pb.h"
#include "rpc/calls.h"

namespace nodevol::controller {

// csi.v1.SnapshotMetadata over gRPC.
class SnapshotMetadataService final : public csi::v1::SnapshotMetadata::CallbackService {
 public:
  // Both must outlive the service.
  SnapshotMetadataService(rpc::Calls& calls, SnapshotMetadataHandler& handler)
      : calls_(calls), handler_(handler) {}

  grpc::ServerWriteReactor<csi::v1::GetMetadataAllocatedResponse>* GetMetadataAllocated(
      grpc::CallbackServerContext* context,
      const csi::v1::GetMetadataAllocatedRequest* request) override;
  grpc::ServerWriteReactor<csi::v1::GetMetadataDeltaResponse>* GetMetadataDelta(
      grpc::CallbackServerContext* context,
      const csi::v1::GetMetadataDeltaRequest* request) override;

 private:
  rpc::Calls& calls_;
  SnapshotMetadataHandler& handler_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_SNAPSHOT_METADATA_SERVICE_H_

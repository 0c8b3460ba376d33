// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_SNAPSHOT_METADATA_HANDLER_H_
#define NODEVOL_CONTROLLER_SNAPSHOT_METADATA_HANDLER_H_

#include <memory>

#include "absl/status/statusor.h"

#include "controller/cluster.h"
#include "csi/csi.pb.h"
#include "rpc/message_source.h"
#include "storage/node_storage.h"

namespace nodevol::controller {

// Decides csi.v1.SnapshotMetadata: checks a request against the snapshots it names, then makes the
// stream's messages of the pages that a node's storage gives. The codes are those of the spec's
// error tables. A stream that ends without an error has told all.
class SnapshotMetadataHandler {
 public:
  using Context = storage::OperationContext;
  template <typename Message>
  using Source = std::unique_ptr<rpc::MessageSource<Message>>;

  // The cluster must outlive the handler.
  explicit SnapshotMetadataHandler(Cluster& cluster) : cluster_(cluster) {}

  // Answered from memory; the sources ask the storage.
  absl::StatusOr<Source<csi::v1::GetMetadataAllocatedResponse>> GetMetadataAllocated(
      const Context& context, const csi::v1::GetMetadataAllocatedRequest& request);
  absl::StatusOr<Source<csi::v1::GetMetadataDeltaResponse>> GetMetadataDelta(
      const Context& context, const csi::v1::GetMetadataDeltaRequest& request);

 private:
  Cluster& cluster_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_SNAPSHOT_METADATA_HANDLER_H_

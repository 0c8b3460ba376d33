// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_NODE_HANDLER_H_
#define NODEVOL_NODE_NODE_HANDLER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "base/callback.h"
#include "base/executor.h"
#include "csi/csi.pb.h"
#include "node/target_path.h"
#include "rpc/topology.h"
#include "storage/local_storage.h"

namespace nodevol::node {

// Decides csi.v1.Node: checks a request, works on the volume with its pool's workers, words the
// answer. The codes are those of the spec's error tables.
class NodeHandler {
 public:
  // The storage must outlive the handler.
  NodeHandler(storage::LocalStorage& storage, rpc::Topology topology);

  void StageVolume(const csi::v1::NodeStageVolumeRequest& request,
                   Callback<csi::v1::NodeStageVolumeResponse> done);
  void UnstageVolume(const csi::v1::NodeUnstageVolumeRequest& request,
                     Callback<csi::v1::NodeUnstageVolumeResponse> done);
  void PublishVolume(const csi::v1::NodePublishVolumeRequest& request,
                     Callback<csi::v1::NodePublishVolumeResponse> done);
  void UnpublishVolume(const csi::v1::NodeUnpublishVolumeRequest& request,
                       Callback<csi::v1::NodeUnpublishVolumeResponse> done);
  void GetVolumeStats(const csi::v1::NodeGetVolumeStatsRequest& request,
                      Callback<csi::v1::NodeGetVolumeStatsResponse> done);
  void ExpandVolume(const csi::v1::NodeExpandVolumeRequest& request,
                    Callback<csi::v1::NodeExpandVolumeResponse> done);

  [[nodiscard]] csi::v1::NodeGetCapabilitiesResponse GetCapabilities() const;
  [[nodiscard]] csi::v1::NodeGetInfoResponse GetInfo() const;

  // Waits for work on volumes that no pool knows; that of known ones is the storage's.
  bool Drain(absl::Duration timeout) { return forgotten_.Close(timeout); }

 private:
  // Runs `work`, alone on the volume, and answers with an empty Response.
  template <typename Response>
  void OnVolume(const std::string& volume_id,
                absl::AnyInvocable<absl::Status(storage::LocalVolume&)> work,
                Callback<Response> done);
  // Undoes a mount of a volume that no pool of this node knows.
  template <typename Response>
  void OnForgotten(const std::string& volume_id,
                   absl::AnyInvocable<absl::Status(const storage::VolumeId&)> work,
                   Callback<Response> done);
  // A path in a request; errors name its field.
  struct PathField {
    absl::string_view name;
    absl::string_view value;
  };
  // INVALID_ARGUMENT for a path in a pool: nothing there is the CO's to mount on or to remove.
  [[nodiscard]] absl::StatusOr<TargetPath> OpenOutsidePools(const PathField& path) const;
  // A path whose parent the CO should have made.
  [[nodiscard]] absl::StatusOr<TargetPath> OpenExistingTarget(const PathField& path) const;
  // A path where something may be undone: nullopt when even its parent is gone.
  [[nodiscard]] absl::StatusOr<std::optional<TargetPath>> OpenFormerTarget(
      const PathField& path) const;

  storage::LocalStorage& storage_;
  const rpc::Topology topology_;
  // Pools have workers of their own; these volumes have no pool.
  Executor forgotten_;
};

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_NODE_HANDLER_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_NODE_HANDLER_H_
#define NODEVOL_NODE_NODE_HANDLER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "base/callback.h"
#include "base/executor.h"
#include "csi/csi.pb.h"
#include "node/inline_handler.h"
#include "node/static_handler.h"
#include "rpc/topology.h"
#include "storage/local_storage.h"

namespace nodevol::node {

struct NodeOptions {
  StaticPrefixes static_prefixes;
  bool health = false;  // serves the calls about it
};

// Decides csi.v1.Node: checks a request, works on the volume with its pool's workers, words the
// answer. The codes are those of the spec's error tables. Inline and static volumes have handlers
// of their own, which this one passes calls to.
class NodeHandler {
 public:
  // The storage must outlive the handler.
  NodeHandler(storage::LocalStorage& storage, rpc::Topology topology, NodeOptions options);

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

  // Looks at the volume's mounts, where there are any and its disk answers.
  void GetVolumeHealth(const csi::v1::NodeGetVolumeHealthRequest& request,
                       Callback<csi::v1::NodeGetVolumeHealthResponse> done);
  // Of the pools, from memory.
  [[nodiscard]] absl::StatusOr<csi::v1::NodeGetStorageHealthResponse> GetStorageHealth(
      const csi::v1::NodeGetStorageHealthRequest& request) const;

  [[nodiscard]] csi::v1::NodeGetCapabilitiesResponse GetCapabilities() const;
  [[nodiscard]] csi::v1::NodeGetInfoResponse GetInfo() const;

  // Waits for work on volumes that no pool knows; that of known ones is the storage's.
  bool Drain(absl::Duration timeout);

 private:
  // The id of a volume that CreateVolume made; nullopt for any other text.
  [[nodiscard]] std::optional<storage::VolumeId> ManagedId(absl::string_view volume_id) const;
  // Runs `work`, alone on the volume, and answers with an empty Response.
  template <typename Response>
  void OnVolume(const std::string& volume_id,
                absl::AnyInvocable<absl::Status(storage::LocalVolume&)> work,
                Callback<Response> done);
  // How a kind of mount is undone.
  struct Undo;
  // Undoes one at the path, whether or not the volume is deleted meanwhile.
  template <typename Response>
  void UndoMount(const std::string& volume_id, const std::string& path, const Undo& undo,
                 Callback<Response> done);
  // The same of a volume that no pool of this node knows.
  template <typename Response>
  void UndoForgottenMount(const std::string& volume_id, const std::string& path, const Undo& undo,
                          Callback<Response> done);

  storage::LocalStorage& storage_;
  const rpc::Topology topology_;
  const bool health_;
  // Pools have workers of their own; these volumes have no pool.
  Executor forgotten_;
  StaticHandler static_;
  InlineHandler inline_;
};

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_NODE_HANDLER_H_

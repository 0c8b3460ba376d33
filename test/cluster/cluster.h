// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_CLUSTER_H_
#define NODEVOL_TEST_CLUSTER_CLUSTER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "csi/csi.pb.h"
#include "test/client/volume_client.h"
#include "test/cluster/cable.h"
#include "test/cluster/cluster_node.h"
#include "test/cluster/member.h"

namespace nodevol::testing {

// Three nodes and two controller replicas, each a machine of its own (Namespaces), with a cable
// between each node and each replica and mutual TLS on it. Nothing of it is seen outside but the
// CSI sockets, and nothing outlives it.
class Cluster {
 public:
  static constexpr size_t kNodes = 3;
  static constexpr size_t kReplicas = 2;
  // Of the nodes' pools: each has more room than the one before.
  static constexpr std::array<int64_t, kNodes> kPoolBytes = {4 * kGiB, 7 * kGiB, 10 * kGiB};

  // All of it runs, and both replicas know all nodes.
  static absl::StatusOr<std::unique_ptr<Cluster>> Create();
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] ClusterNode& node(size_t i) { return *nodes_[i]; }
  [[nodiscard]] const ClusterNode& node(size_t i) const { return *nodes_[i]; }
  [[nodiscard]] Member& replica(size_t i) { return *replicas_[i]; }
  [[nodiscard]] const Member& replica(size_t i) const { return *replicas_[i]; }
  [[nodiscard]] Cable& cable(size_t node, size_t replica) {
    return cables_[node * kReplicas + replica];
  }
  // Room for the paths of pods.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  // The node's topology segment, as it says itself.
  [[nodiscard]] const csi::v1::Topology& segment(size_t node) const { return segments_[node]; }

  // A client of a replica, with a connection of its own: one that could not connect waits longer
  // and longer before it tries again. Unless said otherwise it makes raw block volumes.
  [[nodiscard]] VolumeClient ClientOf(size_t replica,
                                      VolumeClass volume_class = {BlockCapability(), {}},
                                      absl::Duration timeout = absl::Minutes(1)) const;
  // A request for such a volume as the provisioner sends it for a pod that was given to the node:
  // anywhere, but rather there. Size 0 leaves the range out.
  [[nodiscard]] csi::v1::CreateVolumeRequest RequestAt(const std::string& name, int64_t bytes,
                                                       size_t node) const;
  // The largest volume that fits at the node, as the replica says; 0 while it is not connected.
  [[nodiscard]] absl::StatusOr<int64_t> RoomAt(size_t replica, size_t node) const;

  // Mends all cables, starts what does not run, and waits until both replicas know all nodes.
  // INTERNAL when a process has ended by itself.
  absl::Status MakeWhole();
  // Ends all processes; INTERNAL unless each ends well.
  absl::Status Stop();
  // Of all processes, for a test that has failed.
  [[nodiscard]] std::string LogTails() const;

 private:
  Cluster();

  absl::Status MakeCertificates() const;
  absl::Status AddReplica(size_t number);
  absl::Status AddNode(size_t number);
  absl::Status LayCables();
  absl::Status ReadSegments();
  [[nodiscard]] std::vector<std::string> LinkFlags(const std::string& certificate) const;
  // Nodes and replicas.
  [[nodiscard]] std::vector<Member*> Members() const;
  [[nodiscard]] absl::Status CheckKnown() const;

  const std::string directory_;
  std::vector<std::unique_ptr<Member>> replicas_;
  std::vector<std::unique_ptr<ClusterNode>> nodes_;
  std::vector<Cable> cables_;
  std::vector<csi::v1::Topology> segments_;
};

// The node on which the volume is, as its topology says; "" when that is not one node.
std::string NodeNameOf(const csi::v1::Volume& volume);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_CLUSTER_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_NODE_REGISTRY_H_
#define NODEVOL_CONTROLLER_NODE_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "controller/cluster.h"
#include "controller/name_claims.h"
#include "controller/name_index.h"
#include "controller/node_absence.h"
#include "controller/tombstones.h"
#include "kubernetes/node_objects.h"
#include "link/controller_session.h"
#include "link/remote_storage.h"
#include "rpc/topology.h"

namespace nodevol::controller {

// The cluster as one controller replica knows it: the nodes that have opened a stream to it since
// it was started, and a copy of what each has. It may be lost at any time; the nodes tell it anew.
class NodeRegistry final : public Cluster, public link::NodeDirectory {
 public:
  struct Options {
    rpc::Topology topology;
    // How long after its start a replica says of a name that it does not know only that it does
    // not: a node that has it may not be back yet.
    absl::Duration settle_time = absl::Seconds(10);
    // How long a node's object must be seen to be absent until the node is taken for gone for good.
    absl::Duration forget_node_after = absl::InfiniteDuration();
  };
  explicit NodeRegistry(Options options);

  struct Counts {
    size_t known = 0;
    size_t connected = 0;
    size_t names = 0;   // in the index, those of things that are gone too
    size_t buried = 0;  // ids of which their node is to be told that they are deleted
  };
  [[nodiscard]] Counts counts() const;

  // To be called now and then, by one thread: forgets names that nothing has any more, and has
  // nodes that are back delete what was deleted while they were gone.
  void Tend();
  // To be called now and then, by one thread: asks the API server which nodes there are, and waits
  // for it. Its errors.
  absl::Status LookAtNodeObjects(kubernetes::NodeObjects& objects);

  // ---- Cluster ----
  absl::StatusOr<NodePtr> NodeToAsk(absl::string_view id) const override;
  absl::StatusOr<NodePtr> NodeToChange(absl::string_view id) const override;
  absl::StatusOr<NodePtr> NodeToDelete(const Deletion& object) override;
  [[nodiscard]] bool HasNode(const std::string& node_id) const override;
  absl::StatusOr<Place> PlaceVolume(const v1::VolumeRequest& request,
                                    const Accessibility& accessibility) override;
  absl::StatusOr<Place> PlaceSnapshot(const v1::SnapshotRequest& request) override;
  absl::StatusOr<Place> PlaceGroup(const v1::GroupSnapshotRequest& request) override;
  storage::Page<OnNode<storage::VolumePtr>> ListVolumes(
      const storage::ListQuery& query) const override;
  storage::Page<OnNode<storage::SnapshotPtr>> ListSnapshots(
      const storage::ListQuery& query, const std::string& source_volume_id) const override;
  storage::Page<storage::VolumeHealth> ListVolumeHealth(
      const storage::ListQuery& query) const override;
  absl::StatusOr<storage::VolumeHealth> GetVolumeHealth(const storage::VolumeId& id) const override;
  absl::StatusOr<storage::Capacity> GetCapacity(const std::string& node_id,
                                                const storage::CapacityQuery& query) const override;

  // ---- link::NodeDirectory ----
  absl::StatusOr<std::shared_ptr<link::RemoteStorage>> Admit(
      const link::v1::Hello& hello,
      const std::shared_ptr<link::NodeConnection>& connection) override;
  void OnPools(const link::RemoteStorage& node) override;
  void Leave(const std::shared_ptr<link::RemoteStorage>& node,
             const link::NodeConnection& connection,
             const std::vector<std::string>& claimed) override;
  absl::Status Claim(const link::RemoteStorage& node, const std::string& name_hash) override;
  void Release(const link::RemoteStorage& node, const std::string& name_hash) override;

 private:
  using RemotePtr = std::shared_ptr<link::RemoteStorage>;
  class NameListener;

  struct Node {
    RemotePtr storage;
    std::shared_ptr<NameListener> listener;
    // As it was admitted last.
    std::string incarnation;
    std::map<std::string, uint64_t> epochs;
    // As it told last.
    std::vector<std::string> pools;
  };

  void DropPool(const std::string& uuid, const std::string& node_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckHello(const link::v1::Hello& hello) const;
  // Whether the node that says hello is the one that its live stream is of, or a later one.
  absl::Status CheckSuccession(const link::v1::Hello& hello, const Node& node) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  [[nodiscard]] RemotePtr FindNode(const std::string& name) const;
  [[nodiscard]] std::vector<RemotePtr> Nodes() const;
  // Of the nodes that say that they have a pool those that count: none that is gone, where another
  // has the pool now.
  [[nodiscard]] std::vector<RemotePtr> Owners(const std::vector<std::string>& names) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] std::vector<RemotePtr> NodesWith(absl::string_view pool_uuid) const;
  // UNAVAILABLE when there is none, or two.
  absl::StatusOr<RemotePtr> OneNodeWith(absl::string_view pool_uuid) const;
  absl::StatusOr<RemotePtr> RemoteToChange(absl::string_view id) const;

  // node_placement.cc
  // Where something of the name is; null when it is nowhere that is known. UNAVAILABLE when its
  // pool is at two nodes.
  absl::StatusOr<RemotePtr> NodeWithName(absl::string_view name_hash) const;
  // False when the pool has nothing of the name. While no node has the pool that is not known: the
  // message that tells of it is being taken in now, or its node can't open it.
  [[nodiscard]] bool MayBeIn(absl::string_view pool_uuid, absl::string_view name_hash) const;
  void SweepNames();
  // The node of a volume or snapshot that something is made of.
  absl::StatusOr<RemotePtr> NodeOfSource(const std::string& id) const;
  absl::StatusOr<RemotePtr> ChooseNode(const v1::VolumeRequest& request,
                                       const Accessibility& accessibility) const;
  absl::StatusOr<RemotePtr> Roomiest(const v1::VolumeRequest& request,
                                     const std::vector<RemotePtr>& nodes) const;
  // The node, while it is connected and has told all that it has.
  absl::StatusOr<RemotePtr> Connected(const RemotePtr& node) const;
  absl::StatusOr<Place> Hold(const RemotePtr& node, const std::string& name_hash,
                             const std::string& name);

  // node_lists.cc
  struct KnownPool {
    std::string uuid;
    RemotePtr node;  // the first, of those that say that they have it
  };
  // The first whose UUID is not less.
  [[nodiscard]] std::optional<KnownPool> PoolFrom(absl::string_view uuid) const;
  template <typename Entry, typename List>
  storage::Page<Entry> ListPools(const storage::ListQuery& query, const List& list) const;

  // lost_nodes.cc
  // Whether the node is known to be gone for good.
  [[nodiscard]] bool IsGone(const std::string& node_id) const;
  // NOT_FOUND for an object that is buried.
  absl::Status CheckNotBuried(absl::string_view id) const;
  // ABORTED while something of the name is to be deleted at the node.
  absl::Status CheckNotToBeDeleted(const std::string& node_id, absl::string_view name_hash) const;
  [[nodiscard]] std::vector<std::string> BuriedIn(absl::string_view pool_uuid) const;
  void DeleteWhatIsBack();
  void Delete(const RemotePtr& node, const storage::Catalog& catalog, const Tombstone& tombstone);
  void OnDeleted(const Tombstone& tombstone, const absl::Status& status);

  const Options options_;
  const absl::Duration settled_at_;  // on the monotonic clock
  mutable NameIndex names_;
  size_t swept_names_ = 0;  // how many were left; Tend's alone
  const std::shared_ptr<NameClaims> claims_ = std::make_shared<NameClaims>();
  mutable absl::Mutex mutex_;
  std::map<std::string, Node> nodes_ ABSL_GUARDED_BY(mutex_);
  // Of each pool the nodes that say that they have it; more than one is one too many.
  absl::btree_map<std::string, std::vector<std::string>> pools_ ABSL_GUARDED_BY(mutex_);
  NodeAbsence absence_ ABSL_GUARDED_BY(mutex_);
  Tombstones tombstones_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_NODE_REGISTRY_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_CLUSTER_H_
#define NODEVOL_CONTROLLER_CLUSTER_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "base/callback.h"
#include "storage/change_feed.h"
#include "storage/node_storage.h"

namespace nodevol::controller {

using NodePtr = std::shared_ptr<storage::NodeStorage>;

// Something of a list, and the node that has it.
template <typename Pointer>
struct OnNode {
  Pointer object;
  std::string node_id;
};

template <typename Pointer>
storage::Page<OnNode<Pointer>> On(const std::string& node_id, storage::Page<Pointer> page) {
  storage::Page<OnNode<Pointer>> placed;
  placed.more = page.more;
  placed.entries.reserve(page.entries.size());
  for (Pointer& entry : page.entries) placed.entries.push_back({std::move(entry), node_id});
  return placed;
}

// Where a volume may be made.
struct Accessibility {
  [[nodiscard]] bool Allows(const std::string& node_id) const {
    return requisite.empty() ||
           std::find(requisite.begin(), requisite.end(), node_id) != requisite.end();
  }

  // None: anywhere.
  std::vector<std::string> requisite;
  // In the order of preference; of the requisite ones.
  std::vector<std::string> preferred;
};

// What PlaceVolume says of a volume that is where it must not be.
inline absl::Status ExistsOutside(absl::string_view name, absl::string_view node_id) {
  return absl::AlreadyExistsError(
      absl::StrCat("volume \"", name, "\" exists on node ", node_id,
                   ", which the accessibility requirements exclude; use another name"));
}

// A right to make something of a name, which nobody else has while this is held.
class NameHold {
 public:
  // Without End() nothing was asked for.
  virtual ~NameHold() = default;
  // The operation has ended with this, and so has the right. Where the outcome is unknown
  // (link/outcome.h) nobody else gets it until its node has told what came of it. Called once.
  virtual void End(const absl::Status& result) = 0;
};
struct Place {
  NodePtr node;
  std::shared_ptr<NameHold> hold;  // null where none is needed
};

// A callback of the operation that a place was asked for: ends the hold before the answer is passed
// on.
template <typename T>
Callback<T> EndingHold(const Place& place, Callback<T> done) {
  return [hold = place.hold, next = std::move(done)](absl::StatusOr<T> result) mutable {
    if (hold != nullptr) hold->End(result.status());
    std::move(next)(std::move(result));
  };
}

// An object that is to be deleted.
struct Deletion {
  storage::ObjectKind kind = storage::ObjectKind::kVolume;
  std::string id;
  std::vector<std::string> members;  // of a group: the snapshots that the caller takes for its
};

// The nodes on whose disks a controller works. From memory; thread-safe. Nodes are asked for by the
// id of an object, or by the UUID of its pool alone.
class Cluster {
 public:
  virtual ~Cluster() = default;

  // The node of an object, to ask it. NOT_FOUND when no node has its pool, or when it was deleted
  // and only its node does not know yet; UNAVAILABLE when that is not known.
  virtual absl::StatusOr<NodePtr> NodeToAsk(absl::string_view id) const = 0;
  // The same to change something. NOT_FOUND also when the node is known to be gone for good;
  // UNAVAILABLE when two nodes say that they have the pool. A node that is away is UNAVAILABLE when
  // it is sent to.
  virtual absl::StatusOr<NodePtr> NodeToChange(absl::string_view id) const = 0;
  // The same to delete an object; null when nothing is left to do: its node is known to be gone for
  // good, and deletes it if it ever comes back. Then INVALID_ARGUMENT for a member of a group and
  // for a group with other members; UNAVAILABLE when no more can be remembered.
  virtual absl::StatusOr<NodePtr> NodeToDelete(const Deletion& object) = 0;
  [[nodiscard]] virtual bool HasNode(const std::string& node_id) const = 0;

  // Where a volume is, or is to be made. RESOURCE_EXHAUSTED when that is nowhere now, so that a
  // scheduler chooses again; ALREADY_EXISTS when it is where it must not be; ABORTED while its name
  // is being made something of; UNAVAILABLE when it may have been made at a node that is away;
  // NOT_FOUND when the node of its source does not exist.
  virtual absl::StatusOr<Place> PlaceVolume(const v1::VolumeRequest& request,
                                            const Accessibility& accessibility) = 0;
  // Where a snapshot of the volume is, or is to be made.
  virtual absl::StatusOr<Place> PlaceSnapshot(const v1::SnapshotRequest& request) = 0;
  // FAILED_PRECONDITION when the volumes are on several nodes.
  virtual absl::StatusOr<Place> PlaceGroup(const v1::GroupSnapshotRequest& request) = 0;

  virtual storage::Page<OnNode<storage::VolumePtr>> ListVolumes(
      const storage::ListQuery& query) const = 0;
  virtual storage::Page<OnNode<storage::SnapshotPtr>> ListSnapshots(
      const storage::ListQuery& query, const std::string& source_volume_id) const = 0;
  virtual storage::Page<storage::VolumeHealth> ListVolumeHealth(
      const storage::ListQuery& query) const = 0;
  // As NodeToAsk; of what is wrong with its node too.
  virtual absl::StatusOr<storage::VolumeHealth> GetVolumeHealth(
      const storage::VolumeId& id) const = 0;
  // Of one node; "" for all.
  virtual absl::StatusOr<storage::Capacity> GetCapacity(
      const std::string& node_id, const storage::CapacityQuery& query) const = 0;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_CLUSTER_H_

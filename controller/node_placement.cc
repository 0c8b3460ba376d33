// SPDX-License-Identifier: Apache-2.0
//
// At which node things are made, and where something of a name is.
#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "controller/node_registry.h"
#include "storage/ids.h"
#include "storage/pool_offer.h"
#include "storage/volume_spec.h"

namespace nodevol::controller {

using storage::GroupId;
using storage::SnapshotId;
using storage::VolumeId;

namespace {

// Whether something of the name is in the pool, as the copy has it; damaged things are there too.
// What is told of a pool before all of it is counts until then.
bool IsThere(const link::RemoteStorage& node, absl::string_view pool_uuid,
             absl::string_view name_hash) {
  const absl::StatusOr<link::RemotePool> pool = node.pools().Find(pool_uuid);
  if (!pool.ok()) return !absl::IsNotFound(pool.status());
  const std::string id = VolumeId::ForHash(pool_uuid, name_hash).text();
  return !absl::IsNotFound(pool->catalog->volumes.Find(id).status()) ||
         !absl::IsNotFound(pool->catalog->snapshots.Find(id).status()) ||
         !absl::IsNotFound(pool->catalog->groups.Find(id).status());
}

}  // namespace

bool NodeRegistry::MayBeIn(absl::string_view pool_uuid, absl::string_view name_hash) const {
  const std::vector<RemotePtr> with = NodesWith(pool_uuid);
  return with.empty() || std::any_of(with.begin(), with.end(), [&](const RemotePtr& node) {
           return IsThere(*node, pool_uuid, name_hash);
         });
}

absl::StatusOr<NodeRegistry::RemotePtr> NodeRegistry::NodeWithName(
    absl::string_view name_hash) const {
  const std::vector<std::string> pools = names_.PoolsOf(
      name_hash, [&](const std::string& pool_uuid) { return MayBeIn(pool_uuid, name_hash); });
  RemotePtr node;
  for (const std::string& pool : pools) {
    // Deleted already, but for its node.
    if (!CheckNotBuried(VolumeId::ForHash(pool, name_hash).text()).ok()) continue;
    if (NodesWith(pool).empty()) {
      return absl::UnavailableError(absl::StrCat(
          "the same may be in pool ", pool, ", which no node has open now; retry when one has"));
    }
    ASSIGN_OR_RETURN(RemotePtr one, OneNodeWith(pool));
    // What was on a node that is gone for good is gone with it.
    if (!IsGone(one->node_id())) node = std::move(one);
  }
  return node;
}

void NodeRegistry::SweepNames() {
  names_.Sweep([this](const std::string& name_hash, const std::string& pool_uuid) {
    return MayBeIn(pool_uuid, name_hash);
  });
  swept_names_ = names_.size();
}

absl::StatusOr<NodeRegistry::RemotePtr> NodeRegistry::NodeOfSource(const std::string& id) const {
  // The ids of all kinds have one grammar.
  if (VolumeId::Parse(id).has_value()) return RemoteToChange(id);
  return absl::NotFoundError(absl::StrCat("source ", id, " does not exist"));
}

absl::StatusOr<NodeRegistry::RemotePtr> NodeRegistry::Connected(const RemotePtr& node) const {
  if (node->connection() == nullptr) {
    // Nothing was sent, or the name would be in doubt: the scheduler may choose another node.
    return absl::ResourceExhaustedError(
        absl::StrCat("node ", node->node_id(),
                     " is not connected to this controller, so nothing is made there"));
  }
  if (!node->pools().complete()) {
    return absl::UnavailableError(absl::StrCat(
        "node ", node->node_id(), " is telling what it has; retry when it has done so"));
  }
  return node;
}

absl::StatusOr<NodeRegistry::RemotePtr> NodeRegistry::Roomiest(
    const v1::VolumeRequest& request, const std::vector<RemotePtr>& nodes) const {
  ASSIGN_OR_RETURN(const storage::VolumeSpec spec, storage::ParseVolumeSpec(request));
  RemotePtr best;
  int64_t most = -1;
  for (const RemotePtr& node : nodes) {
    if (!Connected(node).ok()) continue;
    storage::Capacity room;
    node->pools().AddRoom(spec, room);
    if (room.maximum_volume > most &&
        room.maximum_volume >= request.capacity_range().required_bytes()) {
      best = node;
      most = room.maximum_volume;
    }
  }
  if (best != nullptr) return best;
  return absl::ResourceExhaustedError(
      absl::StrCat("none of ", nodes.size(), " nodes is connected and has room for ",
                   request.capacity_range().required_bytes(), " bytes of such a volume"));
}

absl::StatusOr<NodeRegistry::RemotePtr> NodeRegistry::ChooseNode(
    const v1::VolumeRequest& request, const Accessibility& accessibility) const {
  if (request.has_content_source()) {
    const v1::ContentSource& source = request.content_source();
    ASSIGN_OR_RETURN(RemotePtr node, NodeOfSource(source.has_volume_id() ? source.volume_id()
                                                                         : source.snapshot_id()));
    if (accessibility.Allows(node->node_id())) return node;
    return absl::ResourceExhaustedError(absl::StrCat(
        "the source is on node ", node->node_id(),
        ", where a copy of it is made, and the accessibility requirements exclude that "
        "node; leave it to the scheduler to follow the volume (volumeBindingMode "
        "WaitForFirstConsumer without --strict-topology)"));
  }
  if (!accessibility.preferred.empty() || accessibility.requisite.size() == 1) {
    const std::string& name = accessibility.preferred.empty() ? accessibility.requisite.front()
                                                              : accessibility.preferred.front();
    const RemotePtr node = FindNode(name);
    if (node != nullptr) return Connected(node);
    return absl::ResourceExhaustedError(
        absl::StrCat("node \"", name, "\" is not connected to this controller, or has no pools"));
  }
  if (MonotonicNow() < settled_at_) {
    return absl::UnavailableError(
        "this controller was started a moment ago and does not know all nodes yet, one of which "
        "may "
        "have the volume; retry, or name one node in the accessibility requirements");
  }
  if (accessibility.requisite.empty()) return Roomiest(request, Nodes());
  std::vector<RemotePtr> candidates;
  for (const std::string& name : accessibility.requisite) {
    if (RemotePtr node = FindNode(name); node != nullptr) candidates.push_back(std::move(node));
  }
  return Roomiest(request, candidates);
}

absl::StatusOr<Place> NodeRegistry::Hold(const RemotePtr& node, const std::string& name_hash,
                                         const std::string& name) {
  ASSIGN_OR_RETURN(std::shared_ptr<NameHold> hold, claims_->Hold(name_hash, node->node_id(), name));
  RETURN_IF_ERROR(CheckNotToBeDeleted(node->node_id(), name_hash));
  // Another may have been made between the look and the hold.
  ASSIGN_OR_RETURN(const RemotePtr known, NodeWithName(name_hash));
  if (known != nullptr && known != node) {
    return absl::AbortedError(
        absl::StrCat(name, " has just been made at node ", known->node_id(), "; retry"));
  }
  return Place{node, std::move(hold)};
}

absl::StatusOr<Place> NodeRegistry::PlaceVolume(const v1::VolumeRequest& request,
                                                const Accessibility& accessibility) {
  const std::string hash = VolumeId::HashOfName(request.name());
  ASSIGN_OR_RETURN(RemotePtr node, NodeWithName(hash));
  if (node == nullptr) {
    // Before a node is looked for: that there is none is a final answer, and this is not.
    RETURN_IF_ERROR(claims_->CheckFree(hash, request.name()));
    ASSIGN_OR_RETURN(node, ChooseNode(request, accessibility));
  } else if (!accessibility.Allows(node->node_id())) {
    return ExistsOutside(request.name(), node->node_id());
  }
  return Hold(node, hash, request.name());
}

absl::StatusOr<Place> NodeRegistry::PlaceSnapshot(const v1::SnapshotRequest& request) {
  const std::string hash = SnapshotId::HashOfName(request.name());
  ASSIGN_OR_RETURN(const RemotePtr known, NodeWithName(hash));
  // The node that has one of the name says whether it is this one.
  if (known != nullptr) return Hold(known, hash, request.name());
  ASSIGN_OR_RETURN(const RemotePtr node, NodeOfSource(request.source_volume_id()));
  return Hold(node, hash, request.name());
}

absl::StatusOr<Place> NodeRegistry::PlaceGroup(const v1::GroupSnapshotRequest& request) {
  const std::string hash = GroupId::HashOfName(request.name());
  ASSIGN_OR_RETURN(const RemotePtr known, NodeWithName(hash));
  if (known != nullptr) return Hold(known, hash, request.name());
  std::set<std::string> names;
  RemotePtr node;
  for (const std::string& id : request.source_volume_ids()) {
    ASSIGN_OR_RETURN(node, NodeOfSource(id));
    names.insert(node->node_id());
  }
  if (names.size() > 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the volumes are on several nodes (", absl::StrJoin(names, ", "),
        "), which have no instant in common; make a group of the volumes of each node"));
  }
  if (node == nullptr) return absl::InvalidArgumentError("a group needs a volume");
  return Hold(node, hash, request.name());
}

}  // namespace nodevol::controller

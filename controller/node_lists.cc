// SPDX-License-Identifier: Apache-2.0
//
// What all nodes together have.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "controller/node_registry.h"
#include "storage/catalog.h"
#include "storage/health.h"
#include "storage/ids.h"
#include "storage/pool_offer.h"
#include "storage/volume_spec.h"

namespace nodevol::controller {
namespace {

template <typename Pointer>
const std::string& IdOf(const OnNode<Pointer>& entry) {
  return entry.object->id();
}
const std::string& IdOf(const storage::VolumeHealth& health) { return health.volume_id; }

storage::HealthCondition NodeDeleted(const std::string& node_id) {
  return {
      .status = storage::HealthStatus::kInaccessible,
      .reason = "NodeDeleted",
      .message = absl::StrCat("node ", node_id,
                              " is not connected, and its Node object was deleted; if it does "
                              "not come back delete the volume, and take its data from a backup")};
}

}  // namespace

std::optional<NodeRegistry::KnownPool> NodeRegistry::PoolFrom(absl::string_view uuid) const {
  absl::MutexLock lock(&mutex_);
  const auto next = pools_.lower_bound(uuid);
  if (next == pools_.end()) return std::nullopt;
  return KnownPool{next->first, Owners(next->second).front()};
}

// Ids begin with their pool's UUID: a page goes through the pools from that of the id after which
// it begins. What is buried is left out; of a page that is full it may so be said that there is
// more where there is not.
template <typename Entry, typename List>
storage::Page<Entry> NodeRegistry::ListPools(const storage::ListQuery& query,
                                             const List& list) const {
  const size_t limit = query.limit == 0 ? std::numeric_limits<size_t>::max() : query.limit;
  storage::Page<Entry> page;
  std::string from = query.after.substr(0, storage::kUuidCharacters);
  while (const std::optional<KnownPool> pool = PoolFrom(from)) {
    from = absl::StrCat(pool->uuid, ".");  // sorts after it, and before the next
    const absl::StatusOr<link::RemotePool> known = pool->node->pools().Find(pool->uuid);
    if (!known.ok()) continue;
    const std::vector<std::string> buried = BuriedIn(pool->uuid);
    storage::ListQuery part = {.after = query.after, .limit = 0};
    bool more = true;
    while (more) {
      // One more than has room tells that there are more.
      part.limit = std::max<size_t>(limit - page.entries.size(), 1);
      storage::Page<Entry> some = list(*pool, *known, part);
      more = some.more;
      if (more) part.after = IdOf(some.entries.back());
      for (Entry& entry : some.entries) {
        if (!std::binary_search(buried.begin(), buried.end(), IdOf(entry))) {
          page.entries.push_back(std::move(entry));
        }
      }
      page.more = page.entries.size() > limit || (more && page.entries.size() == limit);
      if (!page.more) continue;
      page.entries.resize(std::min(page.entries.size(), limit));
      return page;
    }
  }
  return page;
}

storage::Page<OnNode<storage::VolumePtr>> NodeRegistry::ListVolumes(
    const storage::ListQuery& query) const {
  return ListPools<OnNode<storage::VolumePtr>>(
      query,
      [](const KnownPool& pool, const link::RemotePool& known, const storage::ListQuery& part) {
        return On(pool.node->node_id(), storage::ListVolumesOf({known.catalog.get()}, part,
                                                               storage::InlineVolumesIn::kLeftOut));
      });
}

storage::Page<OnNode<storage::SnapshotPtr>> NodeRegistry::ListSnapshots(
    const storage::ListQuery& query, const std::string& source_volume_id) const {
  return ListPools<OnNode<storage::SnapshotPtr>>(
      query,
      [&](const KnownPool& pool, const link::RemotePool& known, const storage::ListQuery& part) {
        return On(pool.node->node_id(),
                  storage::ListSnapshotsOf({known.catalog.get()}, part, source_volume_id));
      });
}

storage::Page<storage::VolumeHealth> NodeRegistry::ListVolumeHealth(
    const storage::ListQuery& query) const {
  return ListPools<storage::VolumeHealth>(
      query,
      [this](const KnownPool& pool, const link::RemotePool& known, const storage::ListQuery& part) {
        std::vector<storage::HealthCondition> conditions = known.Conditions();
        const std::string& node_id = pool.node->node_id();
        if (IsGone(node_id)) conditions.push_back(NodeDeleted(node_id));
        return storage::ListVolumeHealthOf({{known.catalog.get(), std::move(conditions)}}, part);
      });
}

absl::StatusOr<storage::VolumeHealth> NodeRegistry::GetVolumeHealth(
    const storage::VolumeId& id) const {
  ASSIGN_OR_RETURN(const NodePtr node, NodeToAsk(id.text()));
  ASSIGN_OR_RETURN(storage::VolumeHealth health, node->GetVolumeHealth(id));
  if (IsGone(node->node_id())) health.conditions.push_back(NodeDeleted(node->node_id()));
  return health;
}

absl::StatusOr<storage::Capacity> NodeRegistry::GetCapacity(
    const std::string& node_id, const storage::CapacityQuery& query) const {
  ASSIGN_OR_RETURN(const storage::VolumeSpec spec,
                   storage::ParseVolumeSpec(query.parameters, query.capabilities));
  std::vector<RemotePtr> nodes;
  if (node_id.empty()) {
    nodes = Nodes();
  } else if (RemotePtr node = FindNode(node_id); node != nullptr) {
    nodes.push_back(std::move(node));
  }
  storage::Capacity all;
  for (const RemotePtr& node : nodes) {
    // Nothing can be made where nobody is connected.
    if (node->connection() != nullptr) node->pools().AddRoom(spec, all);
  }
  return all;
}

}  // namespace nodevol::controller

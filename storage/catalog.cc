// SPDX-License-Identifier: Apache-2.0
#include "storage/catalog.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "storage/ids.h"

namespace nodevol::storage {
namespace {

constexpr size_t kScan = 256;  // records looked at in one go

// The ids of one pool's volumes with which something is wrong, in order; all of them when it is the
// pool itself.
std::vector<std::string> UnhealthyVolumes(const Catalog& catalog, bool all) {
  std::vector<std::string> ids = catalog.ill.Ids();
  for (const auto& [id, damage] : catalog.volumes.Damaged()) ids.push_back(id);
  std::string after;
  while (all) {
    const std::vector<VolumePtr> some = catalog.volumes.After(after, kScan);
    for (const VolumePtr& volume : some) ids.push_back(volume->id());
    if (some.size() < kScan) break;
    after = some.back()->id();
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

bool IsInline(const Catalog& catalog, const std::string& volume_id) {
  const absl::StatusOr<VolumePtr> found = catalog.volumes.Find(volume_id);
  return found.ok() && (*found)->has_ephemeral();
}

// Collects the page of `query` of what `matches` accepts in the index of each catalog.
template <typename Record, typename Matches>
Page<std::shared_ptr<const Record>> Collect(const Catalogs& catalogs,
                                            const ObjectIndex<Record> Catalog::* index,
                                            const ListQuery& query, const Matches& matches) {
  using Pointer = std::shared_ptr<const Record>;
  const size_t limit = query.limit == 0 ? std::numeric_limits<size_t>::max() : query.limit;
  Page<Pointer> page;
  std::string after = query.after;
  while (true) {
    std::vector<Pointer> some;
    // The first pool that still has something after `after` has the next.
    for (const Catalog* catalog : catalogs) {
      some = (catalog->*index).After(after, kScan);
      if (!some.empty()) break;
    }
    if (some.empty()) return page;
    after = some.back()->id();
    for (Pointer& entry : some) {
      if (!matches(*entry)) continue;
      if (page.entries.size() == limit) {
        page.more = true;
        return page;
      }
      page.entries.push_back(std::move(entry));
    }
  }
}

}  // namespace

absl::StatusOr<VolumePtr> FindVolumeByHash(const Catalogs& catalogs, absl::string_view name_hash) {
  for (const Catalog* catalog : catalogs) {
    absl::StatusOr<VolumePtr> found =
        catalog->volumes.Find(VolumeId::ForHash(catalog->pool_uuid, name_hash).text());
    if (!absl::IsNotFound(found.status())) return found;
  }
  return VolumePtr();
}

Page<VolumePtr> ListVolumesOf(const Catalogs& catalogs, const ListQuery& query,
                              InlineVolumesIn inline_volumes) {
  return Collect(catalogs, &Catalog::volumes, query, [&](const v1::VolumeRecord& volume) {
    return inline_volumes == InlineVolumesIn::kListed || !volume.has_ephemeral();
  });
}

Page<SnapshotPtr> ListSnapshotsOf(const Catalogs& catalogs, const ListQuery& query,
                                  const std::string& source_volume_id) {
  return Collect(catalogs, &Catalog::snapshots, query, [&](const v1::SnapshotRecord& snapshot) {
    return source_volume_id.empty() || source_volume_id == snapshot.request().source_volume_id();
  });
}

absl::StatusOr<VolumeHealth> HealthOf(const Catalog& catalog, std::vector<HealthCondition> pool,
                                      const VolumeId& id) {
  const absl::Status found = catalog.volumes.Find(id.text()).status();
  if (absl::IsNotFound(found)) return found;
  VolumeHealth health{id.text(), std::move(pool)};
  const absl::Status damage = catalog.volumes.DamageOf(id.text());
  if (!damage.ok()) health.conditions.push_back(ConditionOfDamage(damage));
  for (HealthCondition& known : catalog.ill.Of(id.text())) {
    health.conditions.push_back(std::move(known));
  }
  return health;
}

Page<VolumeHealth> ListVolumeHealthOf(const std::vector<PoolWithHealth>& pools,
                                      const ListQuery& query) {
  const size_t limit = query.limit == 0 ? std::numeric_limits<size_t>::max() : query.limit;
  Page<VolumeHealth> page;
  for (const PoolWithHealth& pool : pools) {
    for (const std::string& id : UnhealthyVolumes(*pool.catalog, !pool.conditions.empty())) {
      if (id <= query.after) continue;
      if (page.entries.size() == limit) {
        page.more = true;
        return page;
      }
      const std::optional<VolumeId> parsed = VolumeId::Parse(id);
      if (!parsed.has_value() || IsInline(*pool.catalog, id)) continue;
      absl::StatusOr<VolumeHealth> health = HealthOf(*pool.catalog, pool.conditions, *parsed);
      if (health.ok() && !health->conditions.empty()) page.entries.push_back(*std::move(health));
    }
  }
  return page;
}

absl::StatusOr<GroupSnapshot> WithMembers(
    GroupPtr group, absl::FunctionRef<absl::StatusOr<SnapshotPtr>(const SnapshotId&)> find) {
  GroupSnapshot whole;
  for (const std::string& text : group->snapshot_ids()) {
    const std::optional<SnapshotId> id = SnapshotId::Parse(text);
    absl::StatusOr<SnapshotPtr> member =
        id.has_value() ? find(*id) : absl::NotFoundError("it is no id of ours");
    if (absl::IsNotFound(member.status())) {
      return absl::InternalError(absl::StrCat("group snapshot ", group->id(),
                                              " exists, but its member ", text,
                                              " does not: ", member.status().message()));
    }
    RETURN_IF_ERROR(member.status());
    whole.members.push_back(*std::move(member));
  }
  whole.group = std::move(group);
  return whole;
}

}  // namespace nodevol::storage

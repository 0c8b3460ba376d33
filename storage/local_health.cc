// SPDX-License-Identifier: Apache-2.0
//
// What LocalStorage knows to be wrong with its pools and volumes, from memory.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "storage/local_storage.h"

namespace nodevol::storage {
namespace {

constexpr size_t kScan = 256;

// The ids of one pool's volumes with which something is wrong, in order; all of them when it is the
// pool itself.
std::vector<std::string> UnhealthyVolumes(const Engine& engine, bool all) {
  std::vector<std::string> ids = engine.IllVolumes();
  for (const auto& [id, damage] : engine.volumes().Damaged()) ids.push_back(id);
  std::string after;
  while (all) {
    const std::vector<VolumePtr> some = engine.volumes().After(after, kScan);
    for (const VolumePtr& volume : some) ids.push_back(volume->id());
    if (some.size() < kScan) break;
    after = some.back()->id();
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace

absl::StatusOr<VolumeHealth> LocalStorage::KnownHealth(const VolumeId& id) const {
  ASSIGN_OR_RETURN(const Home home, HomeOf(id));
  absl::Status found = home.engine->volumes().Find(id.text()).status();
  if (absl::IsNotFound(found)) return found;
  if (!found.ok()) found = home.engine->volumes().DamageOf(id.text());
  VolumeHealth health{id.text(), home.keeper->Health()};
  if (!found.ok()) health.conditions.push_back(ConditionOfDamage(found));
  for (HealthCondition& known : home.engine->KnownHealth(id.text())) {
    health.conditions.push_back(std::move(known));
  }
  return health;
}

absl::StatusOr<VolumeHealth> LocalStorage::GetVolumeHealth(const VolumeId& id) const {
  if (IsInlineVolume(id)) return absl::NotFoundError(absl::StrCat(id.text(), " does not exist"));
  return KnownHealth(id);
}

void LocalStorage::ExamineVolume(const VolumeId& id, Callback<VolumeHealth> done) {
  const absl::StatusOr<Home> home = HomeOf(id);
  const absl::StatusOr<VolumePtr> volume =
      home.ok() ? home->engine->volumes().Find(id.text()) : home.status();
  // Of what can't be looked at, memory tells more than the attempt.
  if (!volume.ok() || !home->keeper->Availability().ok()) return std::move(done)(KnownHealth(id));
  Post<VolumeHealth>(
      home->engine->fast(), {},
      [at = *home, record = *volume]() -> absl::StatusOr<VolumeHealth> {
        VolumeHealth health{record->id(), at.keeper->Health()};
        for (HealthCondition& seen : at.engine->Examine(*record)) {
          health.conditions.push_back(std::move(seen));
        }
        return health;
      },
      std::move(done));
}

Page<VolumeHealth> LocalStorage::ListVolumeHealth(const ListQuery& query) const {
  const size_t limit = query.limit == 0 ? std::numeric_limits<size_t>::max() : query.limit;
  Page<VolumeHealth> page;
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    const auto keeper = std::find_if(keepers_.begin(), keepers_.end(), [&](const auto& candidate) {
      return candidate->engine() == engine;
    });
    if (keeper == keepers_.end()) continue;  // opened anew a moment ago
    const bool all = !(*keeper)->Health().empty();
    for (const std::string& id : UnhealthyVolumes(*engine, all)) {
      if (id <= query.after) continue;
      if (page.entries.size() == limit) {
        page.more = true;
        return page;
      }
      const std::optional<VolumeId> parsed = VolumeId::Parse(id);
      if (!parsed.has_value() || IsInlineVolume(*parsed)) continue;
      absl::StatusOr<VolumeHealth> health = KnownHealth(*parsed);
      if (health.ok() && !health->conditions.empty()) page.entries.push_back(*std::move(health));
    }
  }
  return page;
}

std::vector<LocalStorage::PoolHealth> LocalStorage::UnhealthyPools() const {
  std::vector<PoolHealth> unhealthy;
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    std::vector<HealthCondition> conditions = keeper->Health();
    if (!conditions.empty()) unhealthy.push_back({keeper->name(), std::move(conditions)});
  }
  return unhealthy;
}

}  // namespace nodevol::storage

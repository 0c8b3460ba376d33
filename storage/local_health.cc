// SPDX-License-Identifier: Apache-2.0
//
// What LocalStorage knows to be wrong with its pools and volumes, from memory.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "storage/local_storage.h"

namespace nodevol::storage {
absl::StatusOr<VolumeHealth> LocalStorage::KnownHealth(const VolumeId& id) const {
  ASSIGN_OR_RETURN(const Home home, HomeOf(id));
  return HealthOf(home.engine->catalog(), home.keeper->Health(), id);
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
  const std::vector<std::shared_ptr<Engine>> engines = Engines();
  std::vector<PoolWithHealth> pools;
  for (const std::shared_ptr<Engine>& engine : engines) {
    const auto keeper = std::find_if(keepers_.begin(), keepers_.end(), [&](const auto& candidate) {
      return candidate->engine() == engine;
    });
    if (keeper == keepers_.end()) continue;  // opened anew a moment ago
    pools.push_back({&engine->catalog(), (*keeper)->Health()});
  }
  return ListVolumeHealthOf(pools, query);
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

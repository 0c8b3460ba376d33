// SPDX-License-Identifier: Apache-2.0
//
// What LocalStorage tells to who keeps a copy of what it knows.
#include <utility>

#include "base/status_macros.h"
#include "storage/local_storage.h"
#include "storage/object_state.h"
#include "storage/pool_offer.h"

namespace nodevol::storage {

v1::PoolReport LocalStorage::OfferOf(const PoolKeeper& keeper) {
  v1::PoolReport report;
  report.set_name(keeper.name());
  const absl::Status available = keeper.Availability();
  if (!available.ok()) *report.mutable_unavailable() = ToMessage(available);
  const std::shared_ptr<Engine> engine = keeper.engine();
  if (engine == nullptr) return report;
  report.set_uuid(engine->pool().uuid());
  report.set_epoch(engine->pool().epoch());
  report.set_directory_limit(engine->pool().directory_limit().kind);
  if (available.ok()) report.set_available_bytes(engine->pool().ledger().Available());
  return report;
}

std::vector<v1::PoolReport> LocalStorage::Pools() const {
  std::vector<v1::PoolReport> reports;
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    v1::PoolReport& report = reports.emplace_back(OfferOf(*keeper));
    if (report.uuid().empty()) continue;
    for (const HealthCondition& condition : keeper->Health()) {
      *report.add_conditions() = ToMessage(condition);
    }
  }
  return reports;
}

std::vector<std::string> LocalStorage::ObjectIds(ObjectKind kind, absl::string_view pool_uuid,
                                                 absl::string_view after, size_t limit) const {
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    if (engine->pool().uuid() == pool_uuid) return IdsIn(engine->catalog(), kind, after, limit);
  }
  return {};
}

v1::ObjectState LocalStorage::StateOf(ObjectKind kind, absl::string_view id) const {
  // The ids of all kinds have one grammar.
  const std::optional<VolumeId> parsed = VolumeId::Parse(id);
  const absl::StatusOr<Home> home =
      parsed.has_value() ? HomeOf(*parsed) : absl::NotFoundError("it is no id of ours");
  if (home.ok()) return StateIn(home->engine->catalog(), kind, id);
  return StateIn(Catalog(""), kind, id);
}

absl::StatusOr<Capacity> LocalStorage::GetCapacity(const CapacityQuery& query) const {
  ASSIGN_OR_RETURN(const VolumeSpec spec, ParseVolumeSpec(query.parameters, query.capabilities));
  std::vector<v1::PoolReport> offers;
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) offers.push_back(OfferOf(*keeper));
  return CapacityOf(offers, spec);
}

}  // namespace nodevol::storage

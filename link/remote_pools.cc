// SPDX-License-Identifier: Apache-2.0
#include "link/remote_pools.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "storage/ids.h"
#include "storage/object_state.h"
#include "storage/pool_offer.h"

namespace nodevol::link {
namespace {

// What an entry of a catalog takes beside its record.
constexpr size_t kEntryBytes = 256;
// Larger ones are taken for as large: no volume comes near it, and sums over many stay in range.
constexpr int64_t kMaxAvailableBytes = 4096 * kTiB;

absl::Status NoSuchPool(absl::string_view uuid) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", uuid, "\" is no pool that the node has told of"));
}

template <typename Record>
size_t BytesIn(const storage::ObjectIndex<Record>& index, const std::string& id) {
  const auto found = index.Find(id);
  if (absl::IsNotFound(found.status())) return 0;
  // As it is when it is looked at: a list has many at once.
  if (found.ok()) return kEntryBytes + (*found)->SpaceUsedLong();
  return kEntryBytes + index.DamageOf(id).ToString().size() + index.DoubtOf(id).size();
}

// What the object takes in the catalog, about.
size_t BytesOf(const storage::Catalog& catalog, const nodevol::v1::ObjectState& state) {
  switch (state.kind()) {
    case nodevol::v1::ObjectState::VOLUME: {
      size_t bytes = BytesIn(catalog.volumes, state.id());
      for (const storage::HealthCondition& condition : catalog.ill.Of(state.id())) {
        bytes += kEntryBytes + condition.reason.size() + condition.message.size();
      }
      return bytes;
    }
    case nodevol::v1::ObjectState::SNAPSHOT:
      return BytesIn(catalog.snapshots, state.id());
    case nodevol::v1::ObjectState::GROUP:
      return BytesIn(catalog.groups, state.id());
    default:
      return 0;
  }
}

}  // namespace

std::vector<storage::HealthCondition> RemotePool::Conditions() const {
  std::vector<storage::HealthCondition> conditions;
  for (const nodevol::v1::HealthCondition& condition : report.conditions()) {
    conditions.push_back(storage::FromMessage(condition));
  }
  return conditions;
}

void RemotePools::BeginStream(const NodeConnection& stream) {
  absl::MutexLock lock(&mutex_);
  stream_ = &stream;
  for (auto& [uuid, pool] : pools_) pool.listed = {};
  complete_ = false;
}

absl::Status RemotePools::Apply(const NodeConnection& stream, const v1::Inventory& inventory) {
  absl::MutexLock lock(&mutex_);
  // Here, and not before: what an older stream has told last would count against the newer one.
  if (stream_ != &stream) {
    return absl::AbortedError("the node has opened a newer stream, which tells all anew");
  }
  if (inventory.has_pools()) RETURN_IF_ERROR(SetPools(inventory.pools()));
  if (!inventory.begin_pool().empty()) RETURN_IF_ERROR(BeginPool(inventory.begin_pool()));
  for (const nodevol::v1::ObjectState& state : inventory.objects()) {
    RETURN_IF_ERROR(SetObject(state));
  }
  if (!inventory.end_pool().empty()) RETURN_IF_ERROR(EndPool(inventory.end_pool()));
  complete_ |= inventory.complete();
  known_ |= complete_;
  return absl::OkStatus();
}

absl::Status RemotePools::CheckReports(const Reports& reports) {
  if (reports.size() > kMaxPools) {
    return absl::InvalidArgumentError(
        absl::StrCat("the node tells of ", reports.size(), " pools; ", kMaxPools, " are the most"));
  }
  std::set<absl::string_view> told;
  for (const nodevol::v1::PoolReport& report : reports) {
    if (report.available_bytes() < 0) {
      return absl::InvalidArgumentError(absl::StrCat("pool \"", report.name(), "\" has room for ",
                                                     report.available_bytes(), " bytes"));
    }
    if (report.uuid().empty()) continue;
    if (!storage::IsUuid(report.uuid()) || !told.insert(report.uuid()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("pool \"", report.name(), "\" has \"", report.uuid(), "\" for a UUID"));
    }
  }
  return absl::OkStatus();
}

absl::Status RemotePools::SetPools(const v1::PoolList& list) {
  RETURN_IF_ERROR(CheckReports(list.pools()));
  std::set<std::string> told;
  never_open_.clear();
  for (const nodevol::v1::PoolReport& report : list.pools()) {
    if (report.uuid().empty()) {
      never_open_.push_back(report);
      continue;
    }
    told.insert(report.uuid());
    nodevol::v1::PoolReport& kept = pools_[report.uuid()].report;
    kept = report;
    kept.set_available_bytes(std::min(report.available_bytes(), kMaxAvailableBytes));
  }
  // Taken out of the node's configuration.
  for (auto pool = pools_.begin(); pool != pools_.end();) {
    pool = told.contains(pool->first) ? std::next(pool) : pools_.erase(pool);
  }
  return absl::OkStatus();
}

absl::Status RemotePools::BeginPool(const std::string& uuid) {
  const auto pool = pools_.find(uuid);
  if (pool == pools_.end()) return NoSuchPool(uuid);
  pool->second.listed = {
      .catalog = std::make_shared<storage::Catalog>(uuid, storage::Keep::kPacked), .bytes = 0};
  pool->second.listed.catalog->ReportTo(changes_);
  return absl::OkStatus();
}

absl::Status RemotePools::SetObject(const nodevol::v1::ObjectState& state) {
  // The ids of all kinds have one grammar.
  const std::optional<storage::VolumeId> id = storage::VolumeId::Parse(state.id());
  const auto pool = id.has_value() ? pools_.find(id->pool_uuid()) : pools_.end();
  if (pool == pools_.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", state.id(), "\" is in no pool that the node has told of"));
  }
  if (state.volume().size_bytes() < 0 || state.snapshot().size_bytes() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(state.id(), " is said to have less than nothing"));
  }
  absl::Status known = SetObjectIn(&Pool::known, pool->second, state);
  if (absl::IsResourceExhausted(known) && pool->second.listed.catalog != nullptr) {
    // It has what is gone since, too, and is about to be replaced: the node may have come back with
    // less.
    pool->second.known = {};
    known = absl::OkStatus();
  }
  RETURN_IF_ERROR(known);
  return SetObjectIn(&Pool::listed, pool->second, state);
}

absl::Status RemotePools::SetObjectIn(Copy Pool::* copy, Pool& pool,
                                      const nodevol::v1::ObjectState& state) {
  Copy& changed = pool.*copy;
  if (changed.catalog == nullptr) return absl::OkStatus();
  const size_t before = BytesOf(*changed.catalog, state);
  // That what is not there has gone is no news, and there is no end of such things.
  if (before == 0 && state.object_case() == nodevol::v1::ObjectState::OBJECT_NOT_SET &&
      state.conditions().empty()) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(storage::Apply(state, *changed.catalog));
  const size_t after = BytesOf(*changed.catalog, state);
  changed.bytes = changed.bytes + after - before;
  if (after <= before) return absl::OkStatus();  // no more than there was
  size_t all = 0;
  for (const auto& [uuid, other] : pools_) all += (other.*copy).bytes;
  if (all <= max_bytes_) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the node tells of more volumes and snapshots than a controller keeps of one: they take more "
      "than ",
      max_bytes_, " bytes"));
}

absl::Status RemotePools::EndPool(const std::string& uuid) {
  const auto pool = pools_.find(uuid);
  if (pool == pools_.end() || pool->second.listed.catalog == nullptr) return NoSuchPool(uuid);
  pool->second.known = std::exchange(pool->second.listed, {});
  return absl::OkStatus();
}

bool RemotePools::complete() const {
  absl::MutexLock lock(&mutex_);
  return complete_;
}

std::vector<RemotePool> RemotePools::pools() const {
  std::vector<RemotePool> all;
  absl::MutexLock lock(&mutex_);
  for (const nodevol::v1::PoolReport& report : never_open_) all.push_back({report, nullptr});
  for (const auto& [uuid, pool] : pools_) all.push_back({pool.report, pool.known.catalog});
  return all;
}

void RemotePools::AddRoom(const storage::VolumeSpec& spec, storage::Capacity& room) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [uuid, pool] : pools_) storage::AddRoom(pool.report, spec, room);
}

std::vector<nodevol::v1::PoolReport> RemotePools::reports() const {
  std::vector<nodevol::v1::PoolReport> all;
  absl::MutexLock lock(&mutex_);
  for (const auto& [uuid, pool] : pools_) all.push_back(pool.report);
  return all;
}

absl::StatusOr<RemotePool> RemotePools::Find(absl::string_view pool_uuid) const {
  absl::MutexLock lock(&mutex_);
  const auto found = pools_.find(pool_uuid);
  if (found != pools_.end() && found->second.known.catalog != nullptr) {
    return RemotePool{found->second.report, found->second.known.catalog};
  }
  if (found != pools_.end() || !known_) {
    return absl::UnavailableError(
        absl::StrCat("the node has not told yet what is in pool ", pool_uuid, "; retry"));
  }
  if (!never_open_.empty()) {
    return absl::UnavailableError(
        absl::StrCat("whether pool ", pool_uuid, " is on the node is not known: pool \"",
                     never_open_.front().name(),
                     "\" could not be opened: ", never_open_.front().unavailable().message()));
  }
  return absl::NotFoundError(absl::StrCat("the node has no pool ", pool_uuid));
}

std::optional<uint64_t> RemotePools::EpochOf(absl::string_view pool_uuid) const {
  absl::MutexLock lock(&mutex_);
  const auto found = pools_.find(pool_uuid);
  if (found == pools_.end()) return std::nullopt;
  return found->second.report.epoch();
}

}  // namespace nodevol::link

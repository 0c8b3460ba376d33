// SPDX-License-Identifier: Apache-2.0
//
// What LocalStorage answers from memory.
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "storage/local_storage.h"

namespace nodevol::storage {
namespace {

Catalogs CatalogsOf(const std::vector<std::shared_ptr<Engine>>& engines) {
  Catalogs catalogs;
  for (const std::shared_ptr<Engine>& engine : engines) catalogs.push_back(&engine->catalog());
  return catalogs;
}

}  // namespace

absl::StatusOr<VolumePtr> LocalStorage::FindByHash(absl::string_view name_hash) const {
  const std::vector<std::shared_ptr<Engine>> engines = Engines();
  return FindVolumeByHash(CatalogsOf(engines), name_hash);
}

absl::StatusOr<VolumePtr> LocalStorage::GetVolume(const VolumeId& id) const {
  ASSIGN_OR_RETURN(const Home home, HomeOf(id));
  if (IsInlineVolume(id)) return absl::NotFoundError(absl::StrCat(id.text(), " does not exist"));
  return home.engine->volumes().Find(id.text());
}

absl::StatusOr<SnapshotPtr> LocalStorage::GetSnapshot(const SnapshotId& id) const {
  ASSIGN_OR_RETURN(const Home home, HomeOf(id));
  return home.engine->snapshots().Find(id.text());
}

VolumePtr LocalStorage::FindVolume(const std::string& name) const {
  absl::StatusOr<VolumePtr> found = FindByHash(VolumeId::HashOfName(name));
  return found.ok() ? *std::move(found) : nullptr;
}

Page<VolumePtr> LocalStorage::ListVolumes(const ListQuery& query) const {
  const std::vector<std::shared_ptr<Engine>> engines = Engines();
  return ListVolumesOf(CatalogsOf(engines), query, InlineVolumesIn::kLeftOut);
}

Page<VolumePtr> LocalStorage::AllVolumes(const ListQuery& query) const {
  const std::vector<std::shared_ptr<Engine>> engines = Engines();
  return ListVolumesOf(CatalogsOf(engines), query, InlineVolumesIn::kListed);
}

Page<SnapshotPtr> LocalStorage::ListSnapshots(const ListQuery& query,
                                              const std::string& source_volume_id) const {
  const std::vector<std::shared_ptr<Engine>> engines = Engines();
  return ListSnapshotsOf(CatalogsOf(engines), query, source_volume_id);
}

std::vector<DeletedVolume> LocalStorage::DeletedVolumes() const {
  std::vector<DeletedVolume> all;
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    for (const KeptVolume& kept : engine->kept().All()) {
      all.push_back(
          {kept.record, engine->pool().name(), kept.name.kept->deleted, kept.name.kept->until});
    }
  }
  return all;
}

bool LocalStorage::Serves(absl::string_view volume_id) const {
  const std::optional<VolumeId> id = VolumeId::Parse(volume_id);
  if (!id.has_value()) return false;
  const absl::StatusOr<Home> home = HomeOf(*id);
  if (!home.ok() || !home->engine->volumes().Find(id->text()).ok()) return false;
  // A disk that hangs is served again when it answers; nothing is known of it until then.
  return home->engine->Hangs() || home->engine->pool().Check().ok();
}

absl::Status LocalStorage::CheckReady() const {
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    RETURN_IF_ERROR(keeper->Availability());
    RETURN_IF_ERROR(keeper->engine()->pool().Check());
  }
  return absl::OkStatus();
}

std::vector<PoolStatistics> LocalStorage::Statistics() const {
  std::vector<PoolStatistics> all;
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    PoolStatistics& pool = all.emplace_back();
    pool.name = keeper->name();
    pool.path = keeper->path();
    pool.state = keeper->Availability();
    const std::shared_ptr<Engine> engine = keeper->engine();
    if (engine == nullptr) continue;
    if (pool.state.ok()) pool.state = engine->pool().Check();
    pool.uuid = engine->pool().uuid();
    pool.filesystem = std::string(host::FilesystemName(engine->pool().filesystem()));
    pool.reflink = engine->pool().reflink();
    pool.directories = engine->pool().directory_limit();
    const Ledger& ledger = engine->pool().ledger();
    pool.total_bytes = ledger.Total();
    pool.free_bytes = ledger.Free();
    pool.available_bytes = pool.state.ok() ? ledger.Available() : 0;
    pool.promised_bytes = ledger.Promised();
    pool.written_bytes = ledger.Written();
    pool.kept_bytes = ledger.Expendable();
    pool.kept_volumes = engine->kept().size();
    pool.reserve_missing_bytes = engine->pool().reserve().Missing();
    pool.volumes = engine->volumes().size();
    pool.snapshots = engine->snapshots().size();
    pool.damaged =
        engine->volumes().damaged() + engine->snapshots().damaged() + engine->groups().damaged();
    pool.project_escapes = engine->ProjectEscapes();
  }
  return all;
}

bool LocalStorage::Drain(absl::Duration timeout) {
  const absl::Duration deadline = MonotonicNow() + timeout;
  bool drained = true;
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    drained &= keeper->Stop(deadline - MonotonicNow());
  }
  return drained;
}

}  // namespace nodevol::storage

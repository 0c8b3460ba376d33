// SPDX-License-Identifier: Apache-2.0
//
// What LocalStorage tells an administrator, whom CSI's calls would not tell enough.
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "host/file.h"
#include "storage/layout.h"
#include "storage/local_storage.h"

namespace nodevol::storage {
namespace {

std::string PathOf(const Engine& engine, absl::string_view directory, absl::string_view id) {
  return absl::StrCat(engine.pool().path(), "/", directory, "/", id);
}

template <typename Record>
void AddDamaged(const Engine& engine, const ObjectIndex<Record>& index, absl::string_view directory,
                std::vector<DamagedObject>& all) {
  for (auto& [id, why] : index.Damaged()) {
    all.push_back({engine.pool().name(), id, PathOf(engine, directory, id), why});
  }
}

absl::StatusOr<MeasuredVolume> Measure(Engine& engine, const VolumeId& id,
                                       const v1::VolumeRecord& record) {
  ASSIGN_OR_RETURN(const UniqueFd object, engine.OpenVolume(id));
  Backend& backend = engine.BackendOf(record);
  MeasuredVolume measured;
  ASSIGN_OR_RETURN(measured.written_bytes, backend.WrittenBytes(object.get(), record.directory()));
  ASSIGN_OR_RETURN(measured.mounts, engine.LiveMounts(object.get(), record));
  for (const VolumeMount& mount : measured.mounts) {
    ASSIGN_OR_RETURN(const std::optional<UniqueFd> fd,
                     engine.OpenMountOf(object.get(), record, mount.path));
    if (!fd.has_value()) continue;
    // One is enough: all mounts of a volume are views of one filesystem or device.
    ASSIGN_OR_RETURN(measured.usage, backend.Usage(object.get(), record, fd->get()));
    break;
  }
  return measured;
}

}  // namespace

absl::StatusOr<VolumePtr> LocalStorage::LookUpVolume(const std::string& id_or_name) const {
  if (const std::optional<VolumeId> id = VolumeId::Parse(id_or_name); id.has_value()) {
    ASSIGN_OR_RETURN(const Home home, HomeOf(*id));
    return home.engine->volumes().Find(id->text());
  }
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    absl::StatusOr<VolumePtr> found =
        engine->volumes().Find(VolumeId::ForName(engine->pool().uuid(), id_or_name).text());
    if (!absl::IsNotFound(found.status())) return found;
  }
  for (VolumePtr& volume : AllVolumes({}).entries) {
    if (volume->has_ephemeral() && volume->ephemeral().volume_id() == id_or_name) {
      return std::move(volume);
    }
  }
  return absl::NotFoundError(
      absl::StrCat("no volume of node ", node_id_, " has the id or name \"", id_or_name, "\""));
}

VolumeFigures LocalStorage::FiguresOf(const v1::VolumeRecord& volume) const {
  VolumeFigures figures;
  const std::optional<VolumeId> id = VolumeId::Parse(volume.id());
  if (!id.has_value()) return figures;
  const absl::StatusOr<Home> home = HomeOf(*id);
  if (!home.ok()) return figures;
  const Engine& engine = *home->engine;
  figures.pool = engine.pool().name();
  figures.path = PathOf(engine, kVolumesDirectory, volume.id());
  figures.written_bytes = engine.pool().ledger().Written(Engine::LedgerKey(*id));
  for (VolumeMount& mount : engine.mounts().Find(volume.id())) {
    figures.mounts.push_back(std::move(mount.path));
  }
  return figures;
}

std::string LocalStorage::PoolOf(const v1::SnapshotRecord& snapshot) const {
  const std::optional<SnapshotId> id = SnapshotId::Parse(snapshot.id());
  if (!id.has_value()) return "";
  const absl::StatusOr<Home> home = HomeOf(*id);
  return home.ok() ? home->engine->pool().name() : "";
}

std::vector<DamagedObject> LocalStorage::DamagedVolumes() const {
  std::vector<DamagedObject> all;
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    AddDamaged(*engine, engine->volumes(), kVolumesDirectory, all);
  }
  return all;
}

std::vector<DamagedObject> LocalStorage::DamagedSnapshots() const {
  std::vector<DamagedObject> all;
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    AddDamaged(*engine, engine->snapshots(), kSnapshotsDirectory, all);
  }
  return all;
}

void LocalStorage::MeasureVolume(const VolumePtr& volume, Callback<MeasuredVolume> done) {
  const std::optional<VolumeId> id = VolumeId::Parse(volume->id());
  const absl::StatusOr<std::shared_ptr<Engine>> engine = WorkingEngineOf(*id);
  if (!engine.ok()) {
    std::move(done)(engine.status());
    return;
  }
  Post<MeasuredVolume>((*engine)->fast(), Locks(),
                       [this, e = engine->get(), id = *id, volume] {
                         absl::StatusOr<MeasuredVolume> measured = Measure(*e, id, *volume);
                         // It may have been deleted meanwhile.
                         if (measured.ok()) return measured;
                         return absl::StatusOr<MeasuredVolume>(WhyGone(*e, id, measured.status()));
                       },
                       std::move(done));
}

}  // namespace nodevol::storage

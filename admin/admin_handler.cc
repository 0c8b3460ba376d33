// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_handler.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "admin/admin_messages.h"
#include "base/status_macros.h"
#include "generated_version.h"

namespace nodevol::admin {
namespace {

constexpr size_t kPageSize = 1000;

// Answers with what `ask` returns, on a thread that may wait.
template <typename Response, typename Ask>
void Answer(Executor& executor, Ask ask, Callback<Response> done) {
  auto shared_done = std::make_shared<Callback<Response>>(std::move(done));
  const bool posted = executor.TryPost([ask = std::move(ask), shared_done]() mutable {
    std::move (*shared_done)(Guarded([&ask]() -> absl::StatusOr<Response> { return ask(); }));
  });
  if (posted) return;
  std::move (*shared_done)(
      absl::UnavailableError("too many questions at once, or the driver is stopping; ask again"));
}

}  // namespace

AdminHandler::AdminHandler(storage::LocalStorage& storage, std::string driver_name)
    : storage_(storage),
      driver_name_(std::move(driver_name)),
      topology_(driver_name_),
      executor_({.name = "admin", .threads = 2, .max_queued = 64}) {}

v1::Node AdminHandler::DescribeNode() const {
  v1::Node node;
  node.set_node_id(storage_.node_id());
  node.set_driver_name(driver_name_);
  node.set_version(kVersion);
  *node.mutable_topology() = topology_.SegmentOf(storage_.node_id()).segments();
  return node;
}

void AdminHandler::ListPools(const v1::ListPoolsRequest&, Callback<v1::ListPoolsResponse> done) {
  Answer<v1::ListPoolsResponse>(
      executor_,
      [this] {
        v1::ListPoolsResponse response;
        *response.mutable_node() = DescribeNode();
        for (const storage::PoolStatistics& pool : storage_.Statistics()) {
          *response.add_pools() = ToMessage(pool);
        }
        return response;
      },
      std::move(done));
}

absl::Status AdminHandler::CheckPoolName(const std::string& name) const {
  if (name.empty()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const storage::PoolStatistics& pool : storage_.Statistics()) {
    if (pool.name == name) return absl::OkStatus();
    names.push_back(pool.name);
  }
  return absl::NotFoundError(
      absl::StrCat("the node has no pool \"", name, "\", only ", absl::StrJoin(names, ", ")));
}

void AdminHandler::ListVolumes(const v1::ListVolumesRequest& request,
                               Callback<v1::ListVolumesResponse> done) {
  Answer<v1::ListVolumesResponse>(
      executor_, [this, request] { return VolumesPage(request); }, std::move(done));
}

absl::StatusOr<v1::ListVolumesResponse> AdminHandler::VolumesPage(
    const v1::ListVolumesRequest& request) const {
  RETURN_IF_ERROR(CheckPoolName(request.pool()));
  v1::ListVolumesResponse response;
  const auto add = [&](v1::Volume volume) {
    if (request.pool().empty() || request.pool() == volume.pool()) {
      *response.add_volumes() = std::move(volume);
    }
  };
  if (request.deleted()) {
    for (const storage::DeletedVolume& deleted : storage_.DeletedVolumes()) add(ToMessage(deleted));
    return response;
  }
  const storage::Page<storage::VolumePtr> page =
      storage_.AllVolumes({.after = request.after(), .limit = kPageSize});
  for (const storage::VolumePtr& volume : page.entries) {
    add(ToMessage(*volume, storage_.FiguresOf(*volume)));
  }
  if (page.more) {
    response.set_next(page.entries.back()->id());
    return response;
  }
  for (const storage::DamagedObject& damaged : storage_.DamagedVolumes()) {
    add(DamagedVolume(damaged));
  }
  return response;
}

void AdminHandler::GetVolume(const v1::GetVolumeRequest& request,
                             Callback<v1::GetVolumeResponse> done) {
  const absl::StatusOr<storage::VolumePtr> found = storage_.LookUpVolume(request.volume());
  if (!found.ok()) {
    std::move(done)(FindOther(request.volume(), found.status()));
    return;
  }
  v1::GetVolumeResponse response;
  *response.mutable_node() = DescribeNode();
  *response.mutable_volume() = ToMessage(**found, storage_.FiguresOf(**found));
  *response.mutable_record() = **found;
  for (const storage::SnapshotPtr& snapshot : storage_.ListSnapshots({}, (*found)->id()).entries) {
    *response.add_snapshots() = Describe(*snapshot);
  }
  storage_.MeasureVolume(*found,
                         [next = std::move(done), response = std::move(response)](
                             const absl::StatusOr<storage::MeasuredVolume>& measured) mutable {
                           if (!measured.ok()) {
                             response.set_unmeasured(std::string(measured.status().message()));
                             std::move(next)(std::move(response));
                             return;
                           }
                           v1::Volume& volume = *response.mutable_volume();
                           volume.set_written_bytes(measured->written_bytes);
                           volume.clear_mounts();
                           for (const storage::VolumeMount& mount : measured->mounts) {
                             volume.add_mounts(mount.path);
                             *response.add_mounts() = ToMessage(mount);
                           }
                           if (measured->mounts.empty() && volume.state() == "mounted")
                             volume.set_state("idle");
                           if (measured->usage.has_value())
                             *response.mutable_usage() = ToMessage(*measured->usage);
                           std::move(next)(std::move(response));
                         });
}

absl::StatusOr<v1::GetVolumeResponse> AdminHandler::FindOther(const std::string& id_or_name,
                                                              const absl::Status& why) const {
  v1::GetVolumeResponse response;
  *response.mutable_node() = DescribeNode();
  const auto is_it = [&](const std::string& id, const std::string& name) {
    return id_or_name == id || (!name.empty() && id_or_name == name);
  };
  for (const storage::DamagedObject& damaged : storage_.DamagedVolumes()) {
    // Its name is in the record, which can't be read, and its hash in the id.
    const std::optional<storage::VolumeId> id = storage::VolumeId::Parse(damaged.id);
    if (!id.has_value()) continue;
    if (!is_it(damaged.id, "") && storage::VolumeId::HashOfName(id_or_name) != id->name_hash()) {
      continue;
    }
    *response.mutable_volume() = DamagedVolume(damaged);
    return response;
  }
  const std::vector<storage::DeletedVolume> deleted = storage_.DeletedVolumes();
  // The one that was deleted last is the one that would come back.
  for (auto volume = deleted.rbegin(); volume != deleted.rend(); ++volume) {
    if (!is_it(volume->volume->id(), volume->volume->request().name())) continue;
    *response.mutable_volume() = ToMessage(*volume);
    *response.mutable_record() = *volume->volume;
    return response;
  }
  return why;
}

void AdminHandler::ListSnapshots(const v1::ListSnapshotsRequest& request,
                                 Callback<v1::ListSnapshotsResponse> done) {
  Answer<v1::ListSnapshotsResponse>(
      executor_, [this, request] { return SnapshotsPage(request); }, std::move(done));
}

absl::StatusOr<v1::ListSnapshotsResponse> AdminHandler::SnapshotsPage(
    const v1::ListSnapshotsRequest& request) const {
  std::string source = request.volume();
  // Snapshots outlive their source: an id of a volume that is gone is as good.
  if (!source.empty() && !storage::VolumeId::Parse(source).has_value()) {
    ASSIGN_OR_RETURN(const storage::VolumePtr volume, storage_.LookUpVolume(source));
    source = volume->id();
  }
  const storage::Page<storage::SnapshotPtr> page =
      storage_.ListSnapshots({.after = request.after(), .limit = kPageSize}, source);
  v1::ListSnapshotsResponse response;
  for (const storage::SnapshotPtr& snapshot : page.entries) {
    *response.add_snapshots() = Describe(*snapshot);
  }
  if (page.more) {
    response.set_next(page.entries.back()->id());
    return response;
  }
  if (!source.empty()) return response;  // whose a damaged one is can't be said
  for (const storage::DamagedObject& damaged : storage_.DamagedSnapshots()) {
    *response.add_snapshots() = DamagedSnapshot(damaged);
  }
  return response;
}

v1::Snapshot AdminHandler::Describe(const nodevol::v1::SnapshotRecord& snapshot) const {
  const std::optional<storage::VolumeId> source =
      storage::VolumeId::Parse(snapshot.request().source_volume_id());
  std::string source_name;
  if (source.has_value()) {
    const absl::StatusOr<storage::VolumePtr> volume = storage_.GetVolume(*source);
    if (volume.ok()) source_name = (*volume)->request().name();
  }
  return ToMessage(snapshot, storage_.PoolOf(snapshot), source_name);
}

void AdminHandler::UndeleteVolume(const v1::UndeleteVolumeRequest& request,
                                  Callback<v1::UndeleteVolumeResponse> done) {
  std::optional<storage::VolumeId> id = storage::VolumeId::Parse(request.volume());
  if (!id.has_value()) {
    for (const storage::DeletedVolume& deleted : storage_.DeletedVolumes()) {
      if (deleted.volume->request().name() != request.volume()) continue;
      id = storage::VolumeId::Parse(deleted.volume->id());
    }
    // One that exists, perhaps because an earlier try brought it back: the storage says so.
    const absl::StatusOr<storage::VolumePtr> living = storage_.LookUpVolume(request.volume());
    if (!id.has_value() && living.ok()) id = storage::VolumeId::Parse((*living)->id());
  }
  if (!id.has_value()) {
    std::move(done)(absl::NotFoundError(absl::StrCat(
        "no deleted volume \"", request.volume(),
        "\" is kept: there was none of that name, its undeleteWindow was 0 or is over, "
        "or its room was needed")));
    return;
  }
  storage_.UndeleteVolume(
      *id, [this, next = std::move(done)](absl::StatusOr<storage::VolumePtr> volume) mutable {
        if (!volume.ok()) {
          std::move(next)(volume.status());
          return;
        }
        v1::UndeleteVolumeResponse response;
        *response.mutable_volume() = ToMessage(**volume, storage_.FiguresOf(**volume));
        std::move(next)(std::move(response));
      });
}

void AdminHandler::DeleteVolume(const v1::DeleteVolumeRequest& request,
                                Callback<v1::DeleteVolumeResponse> done) {
  const std::optional<storage::VolumeId> id = storage::VolumeId::Parse(request.volume_id());
  if (!id.has_value()) {
    std::move(done)(absl::InvalidArgumentError(
        absl::StrCat("\"", request.volume_id(), "\" is no id of a volume")));
    return;
  }
  storage_.DeleteVolume({}, *id, AnsweringEmpty(std::move(done)));
}

void AdminHandler::DeleteSnapshot(const v1::DeleteSnapshotRequest& request,
                                  Callback<v1::DeleteSnapshotResponse> done) {
  const std::optional<storage::SnapshotId> id = storage::SnapshotId::Parse(request.snapshot_id());
  if (!id.has_value()) {
    std::move(done)(absl::InvalidArgumentError(
        absl::StrCat("\"", request.snapshot_id(), "\" is no id of a snapshot")));
    return;
  }
  storage_.DeleteSnapshot({}, *id, AnsweringEmpty(std::move(done)));
}

void AdminHandler::Diagnose(const v1::DiagnoseRequest& request,
                            Callback<v1::DiagnoseResponse> done) {
  Answer<v1::DiagnoseResponse>(
      executor_, [this, request] { return Diagnosis(request); }, std::move(done));
}

}  // namespace nodevol::admin

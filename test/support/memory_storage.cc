// SPDX-License-Identifier: Apache-2.0
#include "test/support/memory_storage.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "storage/object_state.h"
#include "storage/pool_offer.h"
#include "storage/volume_spec.h"

namespace nodevol::testing {

using storage::ObjectKind;
using storage::OperationContext;
using storage::SnapshotId;
using storage::SnapshotPtr;
using storage::VolumeId;
using storage::VolumePtr;

namespace {

absl::Status HasNone(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat("disks in memory have no ", what));
}

absl::Status IsElsewhere(absl::string_view id) {
  return absl::UnavailableError(absl::StrCat("the pool of ", id, " is not on this node"));
}

}  // namespace

MemoryStorage::MemoryStorage(Options options)
    : options_(std::move(options)),
      catalog_(std::make_shared<storage::Catalog>(options_.pool_uuid)) {
  catalog()->ReportTo(changes_);
}

std::shared_ptr<storage::Catalog> MemoryStorage::catalog() const {
  absl::MutexLock lock(&mutex_);
  return catalog_;
}

VolumeId MemoryStorage::IdOf(const std::string& name) const {
  return VolumeId::ForName(options_.pool_uuid, name);
}

void MemoryStorage::Put(const std::string& name) {
  v1::VolumeRequest request;
  request.set_name(name);
  request.mutable_capacity_range()->set_required_bytes(1 << 20);
  absl::MutexLock lock(&change_mutex_);
  Make(request).IgnoreError();
}

void MemoryStorage::Erase(const std::string& name) { catalog()->volumes.Erase(IdOf(name).text()); }

void MemoryStorage::ReplaceAll(const std::vector<std::string>& names) {
  {
    absl::MutexLock lock(&mutex_);
    catalog_ = std::make_shared<storage::Catalog>(options_.pool_uuid);
  }
  for (const std::string& name : names) Put(name);
  catalog()->ReportTo(changes_);
  changes_.TellPool(options_.pool_uuid);
}

absl::StatusOr<VolumePtr> MemoryStorage::Make(const v1::VolumeRequest& request) {
  const std::shared_ptr<storage::Catalog> volumes = catalog();
  const VolumeId id = IdOf(request.name());
  if (const auto existing = volumes->volumes.Find(id.text()); existing.ok()) {
    RETURN_IF_ERROR(storage::CheckSameVolume(**existing, request));
    return *existing;
  }
  const int64_t bytes = std::max<int64_t>(request.capacity_range().required_bytes(), 1 << 20);
  int64_t made = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (bytes > options_.bytes - used_bytes_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("node ", node_id(), " can't hold the volume"));
    }
    used_bytes_ += bytes;
    made = ++made_;
  }
  auto record = std::make_shared<v1::VolumeRecord>();
  record->set_id(id.text());
  record->set_generation(1);
  *record->mutable_request() = request;
  record->mutable_created()->set_seconds(made);
  record->set_size_bytes(bytes);
  (*record->mutable_volume_context())["pool"] = "memory";
  const bool block = !request.capabilities().empty() && request.capabilities(0).has_block();
  record->mutable_image()->set_fs_type(block ? "" : "ext4");
  volumes->volumes.Put(record);
  return VolumePtr(std::move(record));
}

void MemoryStorage::CreateVolume(const OperationContext& context, const v1::VolumeRequest& request,
                                 Callback<VolumePtr> done) {
  absl::StatusOr<VolumePtr> made = absl::CancelledError("the caller has gone");
  if (!context.abandoned()) {
    absl::MutexLock lock(&change_mutex_);
    made = Make(request);
  }
  std::move(done)(std::move(made));
}

void MemoryStorage::DeleteVolume(const OperationContext&, const VolumeId& id, StatusCallback done) {
  if (id.pool_uuid() != options_.pool_uuid) return std::move(done)(IsElsewhere(id.text()));
  {
    absl::MutexLock change(&change_mutex_);
    const std::shared_ptr<storage::Catalog> volumes = catalog();
    const auto existing = volumes->volumes.Find(id.text());
    if (existing.ok()) {
      absl::MutexLock lock(&mutex_);
      used_bytes_ -= (*existing)->size_bytes();
    }
    volumes->volumes.Erase(id.text());
  }
  std::move(done)(absl::OkStatus());
}

template <typename Change>
absl::StatusOr<VolumePtr> MemoryStorage::Update(const VolumeId& id, const Change& change) {
  absl::MutexLock lock(&change_mutex_);
  ASSIGN_OR_RETURN(const VolumePtr before, catalog()->volumes.Find(id.text()));
  auto after = std::make_shared<v1::VolumeRecord>(*before);
  after->set_generation(before->generation() + 1);
  change(*after);
  catalog()->volumes.Put(after);
  return VolumePtr(std::move(after));
}

void MemoryStorage::ExpandVolume(const OperationContext&, const VolumeId& id,
                                 const v1::CapacityRange& range,
                                 Callback<storage::ExpandedVolume> done) {
  absl::StatusOr<VolumePtr> grown = Update(id, [&range](v1::VolumeRecord& record) {
    record.set_size_bytes(std::max(record.size_bytes(), range.required_bytes()));
  });
  if (!grown.ok()) return std::move(done)(grown.status());
  std::move(done)(storage::ExpandedVolume{*std::move(grown), true});
}

void MemoryStorage::ModifyVolume(const OperationContext&, const VolumeId&,
                                 const google::protobuf::Map<std::string, std::string>&,
                                 Callback<VolumePtr> done) {
  std::move(done)(HasNone("attributes"));
}

void MemoryStorage::PublishVolume(const OperationContext&, const VolumeId& id,
                                  const v1::ControllerPublication& publication,
                                  Callback<VolumePtr> done) {
  std::move(done)(Update(id, [&publication](v1::VolumeRecord& record) {
    *record.mutable_publication() = publication;
  }));
}

void MemoryStorage::UnpublishVolume(const OperationContext&, const VolumeId& id, const std::string&,
                                    StatusCallback done) {
  const absl::Status updated =
      Update(id, [](v1::VolumeRecord& record) { record.clear_publication(); }).status();
  std::move(done)(absl::IsNotFound(updated) ? absl::OkStatus() : updated);
}

void MemoryStorage::CreateSnapshot(const OperationContext&, const v1::SnapshotRequest& request,
                                   Callback<SnapshotPtr> done) {
  const absl::StatusOr<SnapshotPtr> made = [&]() -> absl::StatusOr<SnapshotPtr> {
    absl::MutexLock lock(&change_mutex_);
    const std::shared_ptr<storage::Catalog> all = catalog();
    const SnapshotId id = SnapshotId::ForName(options_.pool_uuid, request.name());
    if (const auto existing = all->snapshots.Find(id.text()); existing.ok()) return existing;
    ASSIGN_OR_RETURN(const VolumePtr source, all->volumes.Find(request.source_volume_id()));
    auto record = std::make_shared<v1::SnapshotRecord>();
    record->set_id(id.text());
    record->set_generation(1);
    *record->mutable_request() = request;
    record->set_size_bytes(source->size_bytes());
    *record->mutable_image() = source->image();
    all->snapshots.Put(record);
    return SnapshotPtr(std::move(record));
  }();
  std::move(done)(made);
}

void MemoryStorage::DeleteSnapshot(const OperationContext&, const SnapshotId& id,
                                   StatusCallback done) {
  if (id.pool_uuid() != options_.pool_uuid) return std::move(done)(IsElsewhere(id.text()));
  catalog()->snapshots.Erase(id.text());
  std::move(done)(absl::OkStatus());
}

void MemoryStorage::ListBlocks(const OperationContext&, const storage::BlockQuery&,
                               Callback<storage::BlockPage> done) {
  std::move(done)(HasNone("blocks"));
}

void MemoryStorage::CreateGroupSnapshot(const OperationContext&, const v1::GroupSnapshotRequest&,
                                        Callback<storage::GroupSnapshot> done) {
  std::move(done)(HasNone("group snapshots"));
}

void MemoryStorage::DeleteGroupSnapshot(const OperationContext&, const storage::GroupId&,
                                        const std::vector<std::string>&, StatusCallback done) {
  std::move(done)(HasNone("group snapshots"));
}

absl::StatusOr<VolumePtr> MemoryStorage::GetVolume(const VolumeId& id) const {
  return catalog()->volumes.Find(id.text());
}

absl::StatusOr<SnapshotPtr> MemoryStorage::GetSnapshot(const SnapshotId& id) const {
  return catalog()->snapshots.Find(id.text());
}

absl::StatusOr<storage::VolumeHealth> MemoryStorage::GetVolumeHealth(const VolumeId& id) const {
  return storage::HealthOf(*catalog(), {}, id);
}

storage::Page<storage::VolumeHealth> MemoryStorage::ListVolumeHealth(
    const storage::ListQuery& query) const {
  const std::shared_ptr<storage::Catalog> all = catalog();
  return storage::ListVolumeHealthOf({{all.get(), {}}}, query);
}

absl::StatusOr<storage::GroupSnapshot> MemoryStorage::GetGroupSnapshot(
    const storage::GroupId& id) const {
  return absl::NotFoundError(absl::StrCat(id.text(), " does not exist"));
}

VolumePtr MemoryStorage::FindVolume(const std::string& name) const {
  absl::StatusOr<VolumePtr> found = GetVolume(IdOf(name));
  return found.ok() ? *std::move(found) : nullptr;
}

storage::Page<VolumePtr> MemoryStorage::ListVolumes(const storage::ListQuery& query) const {
  const std::shared_ptr<storage::Catalog> all = catalog();
  return storage::ListVolumesOf({all.get()}, query, storage::InlineVolumesIn::kLeftOut);
}

storage::Page<SnapshotPtr> MemoryStorage::ListSnapshots(const storage::ListQuery& query,
                                                        const std::string& source_volume_id) const {
  const std::shared_ptr<storage::Catalog> all = catalog();
  return storage::ListSnapshotsOf({all.get()}, query, source_volume_id);
}

absl::StatusOr<storage::Capacity> MemoryStorage::GetCapacity(
    const storage::CapacityQuery& query) const {
  ASSIGN_OR_RETURN(const storage::VolumeSpec spec,
                   storage::ParseVolumeSpec(query.parameters, query.capabilities));
  return storage::CapacityOf(Pools(), spec);
}

std::vector<v1::PoolReport> MemoryStorage::Pools() const {
  v1::PoolReport pool;
  pool.set_name("memory");
  pool.set_uuid(options_.pool_uuid);
  pool.set_epoch(options_.epoch);
  absl::MutexLock lock(&mutex_);
  pool.set_available_bytes(options_.bytes - used_bytes_);
  return {pool};
}

std::vector<std::string> MemoryStorage::ObjectIds(ObjectKind kind, absl::string_view pool_uuid,
                                                  absl::string_view after, size_t limit) const {
  if (pool_uuid != options_.pool_uuid) return {};
  return storage::IdsIn(*catalog(), kind, after, limit);
}

v1::ObjectState MemoryStorage::StateOf(ObjectKind kind, absl::string_view id) const {
  return storage::StateIn(*catalog(), kind, id);
}

}  // namespace nodevol::testing

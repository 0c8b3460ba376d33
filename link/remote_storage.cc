// SPDX-License-Identifier: Apache-2.0
#include "link/remote_storage.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "link/result.h"
#include "storage/pool_offer.h"
#include "storage/volume_spec.h"

namespace nodevol::link {

using storage::GroupId;
using storage::OperationContext;
using storage::SnapshotId;
using storage::VolumeId;

namespace {

storage::Catalogs CatalogsOf(const std::vector<RemotePool>& pools) {
  storage::Catalogs catalogs;
  for (const RemotePool& pool : pools) {
    if (pool.catalog != nullptr) catalogs.push_back(pool.catalog.get());
  }
  return catalogs;
}

absl::Status WrongAnswer(absl::string_view what) {
  return absl::InternalError(
      absl::StrCat("the node answered with ", what, ", which it was not asked for"));
}

absl::Status CheckId(absl::string_view asked, const std::string& id) {
  if (id == asked) return absl::OkStatus();
  return WrongAnswer(id);
}

// A page that goes on must have something, and go on behind it: or its reader would never end.
absl::Status CheckPage(const storage::BlockQuery& query, const storage::BlockPage& page) {
  if (page.ranges.size() > std::max<size_t>(query.limit, 1)) return WrongAnswer("so many ranges");
  const int64_t size = query.target->size_bytes();
  int64_t end = 0;
  for (const storage::BlockRange& range : page.ranges) {
    if (range.offset < end || range.length <= 0 || range.length > size - range.offset) {
      return WrongAnswer(absl::StrCat("the range ", range.offset, "+", range.length));
    }
    end = range.offset + range.length;
  }
  if (!page.next_offset.has_value()) return absl::OkStatus();
  if (!page.ranges.empty() && *page.next_offset >= end && *page.next_offset > query.offset) {
    return absl::OkStatus();
  }
  return WrongAnswer(absl::StrCat("a page that goes on at ", *page.next_offset));
}

}  // namespace

void RemoteStorage::Connect(std::shared_ptr<NodeConnection> connection) {
  absl::MutexLock lock(&mutex_);
  pools_.BeginStream(*connection);
  connection_ = std::move(connection);
}

void RemoteStorage::Disconnect(const NodeConnection& connection) {
  absl::MutexLock lock(&mutex_);
  if (connection_.get() == &connection) connection_.reset();
}

std::shared_ptr<NodeConnection> RemoteStorage::connection() const {
  absl::MutexLock lock(&mutex_);
  return connection_;
}

template <typename Id>
absl::StatusOr<RemotePool> RemoteStorage::PoolOf(const Id& id) const {
  absl::StatusOr<RemotePool> pool = pools_.Find(id.pool_uuid());
  if (pool.ok()) return pool;
  return absl::Status(pool.status().code(),
                      absl::StrCat(id.text(), ": node ", node_id_, ": ", pool.status().message()));
}

template <typename Id>
uint64_t RemoteStorage::EpochOf(const Id& id) const {
  return pools_.EpochOf(id.pool_uuid()).value_or(0);
}

absl::Status RemoteStorage::CheckOwnPool(const std::string& id) const {
  // The ids of all kinds have one grammar.
  const std::optional<VolumeId> parsed = VolumeId::Parse(id);
  if (parsed.has_value() && pools_.EpochOf(parsed->pool_uuid()).has_value()) {
    return absl::OkStatus();
  }
  // It may have opened the pool a moment ago, and be about to tell.
  return absl::UnavailableError(absl::StrCat("node ", node_id_, " answered with ", id,
                                             ", which is in no pool that it has told of; retry"));
}

absl::Status RemoteStorage::CheckOwn(const std::string& id, absl::string_view name_hash) const {
  RETURN_IF_ERROR(CheckOwnPool(id));
  if (VolumeId::Parse(id)->name_hash() == name_hash) return absl::OkStatus();
  return WrongAnswer(id);
}

absl::Status RemoteStorage::CheckGroup(const storage::GroupSnapshot& group,
                                       absl::string_view name_hash) const {
  RETURN_IF_ERROR(CheckOwn(group.group->id(), name_hash));
  const auto& ids = group.group->snapshot_ids();
  const bool same = std::equal(
      group.members.begin(), group.members.end(), ids.begin(), ids.end(),
      [](const storage::SnapshotPtr& member, const std::string& id) { return member->id() == id; });
  if (!same) return WrongAnswer(absl::StrCat(group.group->id(), " with other members"));
  for (const std::string& id : ids) RETURN_IF_ERROR(CheckOwnPool(id));
  return absl::OkStatus();
}

template <typename T>
void RemoteStorage::Send(const OperationContext& context, v1::Command command, Callback<T> done,
                         Check<T> check) {
  const std::shared_ptr<NodeConnection> open = connection();
  if (open == nullptr) {
    return std::move(done)(absl::UnavailableError(absl::StrCat(
        "node ", node_id_, " is not connected to this controller; retry when it is back")));
  }
  open->Send(context, std::move(command),
             [answer = std::move(done),
              fits = std::move(check)](absl::StatusOr<v1::Result> result) mutable {
               if (!result.ok()) return std::move(answer)(std::move(result).status());
               absl::StatusOr<T> value = FromResult<T>(*std::move(result));
               if (value.ok()) {
                 if (const absl::Status checked = fits(*value); !checked.ok()) value = checked;
               }
               std::move(answer)(std::move(value));
             });
}

void RemoteStorage::SendForStatus(const OperationContext& context, v1::Command command,
                                  StatusCallback done) {
  Send<Nothing>(context, std::move(command), AnsweringStatus(std::move(done)),
                [](const Nothing&) { return absl::OkStatus(); });
}

void RemoteStorage::CreateVolume(const OperationContext& context,
                                 const nodevol::v1::VolumeRequest& request,
                                 Callback<storage::VolumePtr> done) {
  v1::Command command;
  *command.mutable_create_volume() = request;
  Send<storage::VolumePtr>(
      context, std::move(command), std::move(done),
      [this, hash = VolumeId::HashOfName(request.name())](const storage::VolumePtr& volume) {
        return CheckOwn(volume->id(), hash);
      });
}

void RemoteStorage::DeleteVolume(const OperationContext& context, const VolumeId& id,
                                 StatusCallback done) {
  v1::Command command;
  command.set_pool_epoch(EpochOf(id));
  command.set_delete_volume(id.text());
  SendForStatus(context, std::move(command), std::move(done));
}

void RemoteStorage::ExpandVolume(const OperationContext& context, const VolumeId& id,
                                 const nodevol::v1::CapacityRange& range,
                                 Callback<storage::ExpandedVolume> done) {
  v1::Command command;
  command.set_pool_epoch(EpochOf(id));
  command.mutable_expand_volume()->set_volume_id(id.text());
  *command.mutable_expand_volume()->mutable_capacity_range() = range;
  Send<storage::ExpandedVolume>(context, std::move(command), std::move(done),
                                [id](const storage::ExpandedVolume& expanded) {
                                  return CheckId(id.text(), expanded.volume->id());
                                });
}

void RemoteStorage::ModifyVolume(const OperationContext& context, const VolumeId& id,
                                 const google::protobuf::Map<std::string, std::string>& parameters,
                                 Callback<storage::VolumePtr> done) {
  v1::Command command;
  command.set_pool_epoch(EpochOf(id));
  command.mutable_modify_volume()->set_volume_id(id.text());
  *command.mutable_modify_volume()->mutable_parameters() = parameters;
  Send<storage::VolumePtr>(
      context, std::move(command), std::move(done),
      [id](const storage::VolumePtr& volume) { return CheckId(id.text(), volume->id()); });
}

void RemoteStorage::PublishVolume(const OperationContext& context, const VolumeId& id,
                                  const nodevol::v1::ControllerPublication& publication,
                                  Callback<storage::VolumePtr> done) {
  v1::Command command;
  command.set_pool_epoch(EpochOf(id));
  command.mutable_publish_volume()->set_volume_id(id.text());
  *command.mutable_publish_volume()->mutable_publication() = publication;
  Send<storage::VolumePtr>(
      context, std::move(command), std::move(done),
      [id](const storage::VolumePtr& volume) { return CheckId(id.text(), volume->id()); });
}

void RemoteStorage::UnpublishVolume(const OperationContext& context, const VolumeId& id,
                                    const std::string& node_id, StatusCallback done) {
  v1::Command command;
  command.set_pool_epoch(EpochOf(id));
  command.mutable_unpublish_volume()->set_volume_id(id.text());
  command.mutable_unpublish_volume()->set_node_id(node_id);
  SendForStatus(context, std::move(command), std::move(done));
}

void RemoteStorage::CreateSnapshot(const OperationContext& context,
                                   const nodevol::v1::SnapshotRequest& request,
                                   Callback<storage::SnapshotPtr> done) {
  v1::Command command;
  *command.mutable_create_snapshot() = request;
  Send<storage::SnapshotPtr>(
      context, std::move(command), std::move(done),
      [this, hash = SnapshotId::HashOfName(request.name())](const storage::SnapshotPtr& snapshot) {
        return CheckOwn(snapshot->id(), hash);
      });
}

void RemoteStorage::DeleteSnapshot(const OperationContext& context, const SnapshotId& id,
                                   StatusCallback done) {
  v1::Command command;
  command.set_pool_epoch(EpochOf(id));
  command.set_delete_snapshot(id.text());
  SendForStatus(context, std::move(command), std::move(done));
}

void RemoteStorage::ListBlocks(const OperationContext& context, const storage::BlockQuery& query,
                               Callback<storage::BlockPage> done) {
  v1::Command command;
  v1::ListBlocks& request = *command.mutable_list_blocks();
  *request.mutable_target() = *query.target;
  if (query.base != nullptr) *request.mutable_base() = *query.base;
  request.set_offset(query.offset);
  request.set_limit(query.limit);
  Send<storage::BlockPage>(
      context, std::move(command), std::move(done),
      [query](const storage::BlockPage& page) { return CheckPage(query, page); });
}

void RemoteStorage::CreateGroupSnapshot(const OperationContext& context,
                                        const nodevol::v1::GroupSnapshotRequest& request,
                                        Callback<storage::GroupSnapshot> done) {
  v1::Command command;
  *command.mutable_create_group_snapshot() = request;
  Send<storage::GroupSnapshot>(
      context, std::move(command), std::move(done),
      [this, hash = GroupId::HashOfName(request.name())](const storage::GroupSnapshot& group) {
        return CheckGroup(group, hash);
      });
}

void RemoteStorage::DeleteGroupSnapshot(const OperationContext& context, const GroupId& id,
                                        const std::vector<std::string>& snapshot_ids,
                                        StatusCallback done) {
  v1::Command command;
  command.set_pool_epoch(EpochOf(id));
  v1::DeleteGroupSnapshot& request = *command.mutable_delete_group_snapshot();
  request.set_group_snapshot_id(id.text());
  request.mutable_snapshot_ids()->Add(snapshot_ids.begin(), snapshot_ids.end());
  SendForStatus(context, std::move(command), std::move(done));
}

template <typename T>
absl::StatusOr<T> RemoteStorage::OrNotKnown(absl::StatusOr<T> found) const {
  if (!absl::IsNotFound(found.status())) return found;
  if (connection() != nullptr && pools_.complete()) return found;
  return absl::UnavailableError(absl::StrCat(
      "node ", node_id_,
      " is not connected to this controller, or is telling it what it has, and may have made it "
      "since it told last; retry when it has done so (",
      found.status().message(), ")"));
}

absl::StatusOr<storage::VolumePtr> RemoteStorage::GetVolume(const VolumeId& id) const {
  ASSIGN_OR_RETURN(const RemotePool pool, PoolOf(id));
  return OrNotKnown(pool.catalog->volumes.Find(id.text()));
}

absl::StatusOr<storage::SnapshotPtr> RemoteStorage::GetSnapshot(const SnapshotId& id) const {
  ASSIGN_OR_RETURN(const RemotePool pool, PoolOf(id));
  return OrNotKnown(pool.catalog->snapshots.Find(id.text()));
}

absl::StatusOr<storage::VolumeHealth> RemoteStorage::GetVolumeHealth(const VolumeId& id) const {
  ASSIGN_OR_RETURN(const RemotePool pool, PoolOf(id));
  return OrNotKnown(storage::HealthOf(*pool.catalog, pool.Conditions(), id));
}

storage::Page<storage::VolumeHealth> RemoteStorage::ListVolumeHealth(
    const storage::ListQuery& query) const {
  const std::vector<RemotePool> pools = pools_.pools();
  std::vector<storage::PoolWithHealth> with_health;
  for (const RemotePool& pool : pools) {
    if (pool.catalog != nullptr) with_health.push_back({pool.catalog.get(), pool.Conditions()});
  }
  return storage::ListVolumeHealthOf(with_health, query);
}

absl::StatusOr<storage::GroupSnapshot> RemoteStorage::GetGroupSnapshot(const GroupId& id) const {
  ASSIGN_OR_RETURN(const RemotePool pool, PoolOf(id));
  ASSIGN_OR_RETURN(storage::GroupPtr group, OrNotKnown(pool.catalog->groups.Find(id.text())));
  return storage::WithMembers(std::move(group),
                              [this](const SnapshotId& member) { return GetSnapshot(member); });
}

storage::VolumePtr RemoteStorage::FindVolume(const std::string& name) const {
  const std::vector<RemotePool> pools = pools_.pools();
  absl::StatusOr<storage::VolumePtr> found =
      storage::FindVolumeByHash(CatalogsOf(pools), VolumeId::HashOfName(name));
  return found.ok() ? *std::move(found) : nullptr;
}

storage::Page<storage::VolumePtr> RemoteStorage::ListVolumes(
    const storage::ListQuery& query) const {
  const std::vector<RemotePool> pools = pools_.pools();
  return storage::ListVolumesOf(CatalogsOf(pools), query, storage::InlineVolumesIn::kLeftOut);
}

storage::Page<storage::SnapshotPtr> RemoteStorage::ListSnapshots(
    const storage::ListQuery& query, const std::string& source_volume_id) const {
  const std::vector<RemotePool> pools = pools_.pools();
  return storage::ListSnapshotsOf(CatalogsOf(pools), query, source_volume_id);
}

absl::StatusOr<storage::Capacity> RemoteStorage::GetCapacity(
    const storage::CapacityQuery& query) const {
  ASSIGN_OR_RETURN(const storage::VolumeSpec spec,
                   storage::ParseVolumeSpec(query.parameters, query.capabilities));
  storage::Capacity room;
  pools_.AddRoom(spec, room);
  return room;
}

}  // namespace nodevol::link

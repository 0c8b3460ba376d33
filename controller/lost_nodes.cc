// SPDX-License-Identifier: Apache-2.0
//
// Nodes that are gone for good, what is deleted of what they had, and what becomes of that when
// they come back all the same.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "controller/node_registry.h"
#include "storage/catalog.h"
#include "storage/group_request.h"
#include "storage/ids.h"

namespace nodevol::controller {

using storage::GroupId;
using storage::ObjectKind;
using storage::SnapshotId;
using storage::VolumeId;

namespace {

// Of one pool in one go.
constexpr size_t kMaxDeletions = 256;

// When an object was made; of one whose record can't be read, a time at which none was; nothing
// when there is no such object.
template <typename Record>
std::optional<absl::Time> MadeAt(const storage::ObjectIndex<Record>& index, const std::string& id) {
  const auto found = index.Find(id);
  if (absl::IsNotFound(found.status())) return std::nullopt;
  if (!found.ok()) return absl::InfinitePast();
  return absl::FromUnixNanos(
      google::protobuf::util::TimeUtil::TimestampToNanoseconds((*found)->created()));
}

std::optional<absl::Time> MadeAt(const storage::Catalog& catalog, const Deletion& object) {
  switch (object.kind) {
    case ObjectKind::kVolume:
      return MadeAt(catalog.volumes, object.id);
    case ObjectKind::kSnapshot:
      return MadeAt(catalog.snapshots, object.id);
    case ObjectKind::kGroup:
      return MadeAt(catalog.groups, object.id);
  }
  return std::nullopt;
}

// What the node would say against deleting it, whatever state its disks are in.
absl::Status CheckDeletion(const storage::Catalog& catalog, const Deletion& object) {
  if (object.kind == ObjectKind::kGroup) {
    const auto group = catalog.groups.Find(object.id);
    return group.ok() ? storage::CheckGroupMembers(**group, object.members) : absl::OkStatus();
  }
  if (object.kind == ObjectKind::kVolume) return absl::OkStatus();
  const auto snapshot = catalog.snapshots.Find(object.id);
  if (!snapshot.ok() || (*snapshot)->group_snapshot_id().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(object.id, " is a member of group snapshot ",
                                                 (*snapshot)->group_snapshot_id(),
                                                 "; delete the group"));
}

}  // namespace

// ---- Which are gone ----

bool NodeRegistry::IsGone(const std::string& node_id) const {
  absl::MutexLock lock(&mutex_);
  return absence_.IsGone(node_id);
}

absl::Status NodeRegistry::LookAtNodeObjects(kubernetes::NodeObjects& objects) {
  {
    absl::MutexLock lock(&mutex_);
    absence_.Asked();
  }
  const absl::StatusOr<std::vector<kubernetes::NodeObject>> answer = objects.List();
  std::vector<std::string> gone;
  {
    absl::MutexLock lock(&mutex_);
    if (!answer.ok()) {
      absence_.Unanswered();
      return answer.status();
    }
    gone = absence_.Answered(*answer, MonotonicNow());
    for (const std::string& name : gone) claims_->Forget(name);
  }
  for (const std::string& name : gone) {
    log::Warn(
        "a node is taken for gone: its Node object was deleted, and it is not connected; what "
        "was on it can be deleted, which the node does itself if it comes back",
        {{"node", name}, {"after", absl::FormatDuration(options_.forget_node_after)}});
  }
  return absl::OkStatus();
}

// ---- What is deleted meanwhile ----

absl::Status NodeRegistry::CheckNotBuried(absl::string_view id) const {
  absl::MutexLock lock(&mutex_);
  if (!tombstones_.IsBuried(id)) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat(id, " was deleted while its node was gone, which does so when it is back"));
}

absl::Status NodeRegistry::CheckNotToBeDeleted(const std::string& node_id,
                                               absl::string_view name_hash) const {
  absl::MutexLock lock(&mutex_);
  if (tombstones_.size() == 0) return absl::OkStatus();
  for (const std::string& uuid : nodes_.at(node_id).pools) {
    const std::string id = VolumeId::ForHash(uuid, name_hash).text();
    if (!tombstones_.IsBuried(id)) continue;
    return absl::AbortedError(absl::StrCat(id, " was deleted while node ", node_id,
                                           " was gone, which is about to do so; retry"));
  }
  return absl::OkStatus();
}

std::vector<std::string> NodeRegistry::BuriedIn(absl::string_view pool_uuid) const {
  absl::MutexLock lock(&mutex_);
  return tombstones_.BuriedIn(pool_uuid);
}

absl::StatusOr<NodePtr> NodeRegistry::NodeToDelete(const Deletion& object) {
  if (!CheckNotBuried(object.id).ok()) return NodePtr();
  const std::string pool_uuid = object.id.substr(0, storage::kUuidCharacters);
  ASSIGN_OR_RETURN(RemotePtr node, OneNodeWith(pool_uuid));
  if (!IsGone(node->node_id())) return NodePtr(std::move(node));
  ASSIGN_OR_RETURN(const link::RemotePool pool, node->pools().Find(pool_uuid));
  const std::optional<absl::Time> made = MadeAt(*pool.catalog, object);
  // If it was made where this replica could not see it, and is there when the node is back, then it
  // is an orphan: that it is the one that was meant is not known.
  if (!made.has_value()) return NodePtr();
  RETURN_IF_ERROR(CheckDeletion(*pool.catalog, object));
  absl::MutexLock lock(&mutex_);
  // It may have come back meanwhile; then it deletes it all the same.
  RETURN_IF_ERROR(tombstones_.Bury({object, *made, node->node_id()}));
  return NodePtr();
}

// ---- What comes back ----

void NodeRegistry::DeleteWhatIsBack() {
  std::vector<std::string> pools;
  {
    absl::MutexLock lock(&mutex_);
    pools = tombstones_.Pools();
  }
  for (const std::string& uuid : pools) {
    const absl::StatusOr<RemotePtr> node = OneNodeWith(uuid);
    if (!node.ok() || !Connected(*node).ok()) continue;
    const absl::StatusOr<link::RemotePool> pool = (*node)->pools().Find(uuid);
    if (!pool.ok()) continue;
    std::vector<Tombstone> due;
    {
      absl::MutexLock lock(&mutex_);
      due = tombstones_.Take(uuid, kMaxDeletions);
    }
    for (const Tombstone& tombstone : due) Delete(*node, *pool->catalog, tombstone);
  }
}

void NodeRegistry::Delete(const RemotePtr& node, const storage::Catalog& catalog,
                          const Tombstone& tombstone) {
  const Deletion& object = tombstone.object;
  const std::optional<absl::Time> made = MadeAt(catalog, object);
  if (!made.has_value()) return OnDeleted(tombstone, absl::OkStatus());
  if (*made != tombstone.made) {
    log::Warn("what was deleted while its node was gone is not what has the id now, which is kept",
              {{"id", object.id}, {"node", node->node_id()}});
    absl::MutexLock lock(&mutex_);
    tombstones_.Forget(object.id);
    return;
  }
  StatusCallback done = [this, tombstone](const absl::Status& status) {
    OnDeleted(tombstone, status);
  };
  switch (object.kind) {
    case ObjectKind::kVolume:
      // That it is unpublished was answered without the node, too.
      return node->UnpublishVolume({}, *VolumeId::Parse(object.id), "",
                                   [node, id = *VolumeId::Parse(object.id),
                                    deleted = std::move(done)](const absl::Status& status) mutable {
                                     if (!status.ok()) return std::move(deleted)(status);
                                     node->DeleteVolume({}, id, std::move(deleted));
                                   });
    case ObjectKind::kSnapshot:
      return node->DeleteSnapshot({}, *SnapshotId::Parse(object.id), std::move(done));
    case ObjectKind::kGroup:
      return node->DeleteGroupSnapshot({}, *GroupId::Parse(object.id), object.members,
                                       std::move(done));
  }
}

void NodeRegistry::OnDeleted(const Tombstone& tombstone, const absl::Status& status) {
  const std::string& id = tombstone.object.id;
  const log::Fields fields = {{"id", id}, {"node", tombstone.node_id}, {"status", status}};
  bool is_new = true;
  {
    absl::MutexLock lock(&mutex_);
    if (status.ok() || absl::IsNotFound(status)) {
      tombstones_.Forget(id);
    } else {
      is_new = tombstones_.Failed(id, status.code());
    }
  }
  if (status.ok() || absl::IsNotFound(status)) {
    log::Info("what was deleted while its node was gone is deleted there", fields);
  } else if (is_new) {
    log::Warn("what was deleted while its node was gone can't be deleted there yet", fields);
  }
}

}  // namespace nodevol::controller

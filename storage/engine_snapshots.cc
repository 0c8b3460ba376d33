// SPDX-License-Identifier: Apache-2.0
//
// The operations on the snapshots of one pool, and the copying of content.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/engine.h"
#include "storage/snapshot_cut.h"
#include "storage/trash.h"

namespace nodevol::storage {

absl::StatusOr<SnapshotPtr> Engine::CreateSnapshot(const SnapshotId& id,
                                                   const v1::SnapshotRequest& request,
                                                   const VolumeId& source) {
  return Finish(DoCreateSnapshot(id, request, source));
}

absl::StatusOr<SnapshotPtr> Engine::DoCreateSnapshot(const SnapshotId& id,
                                                     const v1::SnapshotRequest& request,
                                                     const VolumeId& source) {
  ASSIGN_OR_RETURN(SnapshotCut cut, SnapshotCut::Begin(*this, id, source));
  RETURN_IF_ERROR(cut.Flush());
  RETURN_IF_ERROR(cut.Take());
  v1::SnapshotRecord record;
  *record.mutable_request() = request;
  *record.mutable_created() = TimeOfCut();
  RETURN_IF_ERROR(cut.Seal(std::move(record)));
  ASSIGN_OR_RETURN(SnapshotPtr snapshot, cut.Commit());
  catalog_.snapshots.Put(snapshot);
  return snapshot;
}

absl::Status Engine::DeleteSnapshot(const SnapshotId& id) { return Finish(DoDeleteSnapshot(id)); }

absl::Status Engine::DoDeleteSnapshot(const SnapshotId& id) {
  RETURN_IF_ERROR(pool_->Check());
  const absl::StatusOr<SnapshotPtr> found = catalog_.snapshots.Find(id.text());
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  RETURN_IF_ERROR(found.status());
  if (const std::string& group = (*found)->group_snapshot_id(); !group.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("snapshot ", id.text(), " is a member of group snapshot ", group,
                     " and is deleted with that; delete the group snapshot"));
  }
  RETURN_IF_ERROR(MoveToTrash(*pool_, pool_->snapshots(), TrashName::ForObject(id.text())));
  catalog_.snapshots.Erase(id.text());
  pool_->ledger().Release(LedgerKey(id));
  reaper_->Kick();
  return absl::OkStatus();
}

absl::Status Engine::CopyVolume(Engine& from, const v1::VolumeRecord& source,
                                const CopyTarget& target) {
  RETURN_IF_ERROR(from.pool().Check());
  ASSIGN_OR_RETURN(const UniqueFd original,
                   host::OpenDirectory(from.pool().volumes(), source.id()));
  ASSIGN_OR_RETURN(const VolumeUse use, from.UseOf(original.get(), source));
  if (use.mounted.valid()) {
    RETURN_IF_ERROR(from.BackendOf(source).Flush(source, use.mounted.get()));
  }
  return BackendOf(source).Copy({.object = original.get(), .in_use = use.in_use}, target);
}

absl::Status Engine::CopySnapshot(Engine& from, const v1::SnapshotRecord& source,
                                  const CopyTarget& target) {
  RETURN_IF_ERROR(from.pool().Check());
  ASSIGN_OR_RETURN(const UniqueFd original,
                   host::OpenDirectory(from.pool().snapshots(), source.id()));
  return BackendOf(source).Copy({.object = original.get(), .in_use = false}, target);
}

}  // namespace nodevol::storage

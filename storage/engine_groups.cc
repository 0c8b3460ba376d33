// SPDX-License-Identifier: Apache-2.0
//
// What one pool does for group snapshots: it has members, and it has the records of groups.
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "storage/engine.h"
#include "storage/layout.h"
#include "storage/record_file.h"
#include "storage/staged_object.h"
#include "storage/trash.h"

namespace nodevol::storage {

void Engine::PutMember(SnapshotPtr member) {
  catalog_.snapshots.PutUndecided(
      member->id(), absl::StrCat("it is a member of group snapshot ", member->group_snapshot_id(),
                                 ", whose pool has not said yet"));
  members_.Put(std::move(member));
}

void Engine::AdmitMember(const SnapshotPtr& member) { catalog_.snapshots.Put(member); }

absl::Status Engine::DropMember(const SnapshotPtr& member) {
  PutMember(member);
  return Finish(DoDropMember(member));
}

absl::Status Engine::DoDropMember(const SnapshotPtr& member) {
  RETURN_IF_ERROR(pool_->Check());
  const absl::Status moved =
      MoveToTrash(*pool_, pool_->snapshots(), TrashName::ForObject(member->id()));
  if (ErrnoOf(moved) != ENOENT) RETURN_IF_ERROR(moved);  // ENOENT: it was taken away by hand
  catalog_.snapshots.Erase(member->id());
  members_.Erase(member->id());
  pool_->ledger().Release(LedgerKey(*SnapshotId::Parse(member->id())));
  reaper_->Kick();
  return absl::OkStatus();
}

absl::Status Engine::CommitGroup(GroupPtr group) { return Finish(DoCommitGroup(std::move(group))); }

absl::Status Engine::DoCommitGroup(GroupPtr group) {
  RETURN_IF_ERROR(pool_->Check());
  ASSIGN_OR_RETURN(StagedObject staged, StagedObject::Create(*pool_));
  RETURN_IF_ERROR(WriteRecord(staged.directory(), kRecordFile, *group));
  RETURN_IF_ERROR(staged.Commit(pool_->groups(), group->id()));
  catalog_.groups.Put(std::move(group));
  return absl::OkStatus();
}

absl::Status Engine::DeleteGroup(const GroupId& id) { return Finish(DoDeleteGroup(id)); }

absl::Status Engine::DoDeleteGroup(const GroupId& id) {
  RETURN_IF_ERROR(pool_->Check());
  RETURN_IF_ERROR(MoveToTrash(*pool_, pool_->groups(), TrashName::ForObject(id.text())));
  catalog_.groups.Erase(id.text());
  reaper_->Kick();
  return absl::OkStatus();
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
//
// Deleted volumes of one pool: how long they are kept, what for they are given up, and how they
// come back.
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/engine.h"
#include "storage/layout.h"
#include "storage/trash.h"

namespace nodevol::storage {

std::string Engine::LedgerKey(const TrashName& name) {
  return absl::StrCat(kTrashDirectory, "/", name.Text());
}

absl::Status Engine::MoveVolumeToTrash(const VolumeId& id, const VolumePtr& record) {
  TrashName name = TrashName::ForObject(id.text());
  const absl::Duration window = absl::Seconds(record->attributes().undelete_window_seconds());
  if (window > absl::ZeroDuration()) {
    // As the name has it, so that memory and disk agree.
    const absl::Time now = absl::FromUnixMillis(absl::ToUnixMillis(absl::Now()));
    name.kept = {.deleted = now, .until = now + window};
  }
  RETURN_IF_ERROR(MoveToTrash(*pool_, pool_->volumes(), name));
  catalog_.volumes.Erase(id.text());
  if (name.kept.has_value()) {
    pool_->ledger().Move(LedgerKey(id), LedgerKey(name));
    pool_->ledger().SetExpendable(LedgerKey(name), true);
    kept_.Put({std::move(name), record});
  } else {
    pool_->ledger().Release(LedgerKey(id));
    reaper_->Kick();
  }
  return absl::OkStatus();
}

void Engine::MakeRoom() {
  if (pool_->ledger().Shortfall() == 0) return;
  // One at a time: two would give up more than is needed.
  absl::MutexLock lock(&room_mutex_);
  int64_t coming = 0;
  while (pool_->ledger().Shortfall(coming) > 0) {
    const std::optional<KeptVolume> oldest = kept_.TakeOldest();
    if (!oldest.has_value()) return;
    log::Warn("a deleted volume is given up before its time, because its room is needed",
              {{"pool", pool_->name()}, {"volume_id", oldest->name.id}});
    coming += RemoveKept(*oldest);
  }
}

int64_t Engine::RemoveKept(const KeptVolume& volume) {
  const absl::StatusOr<int64_t> freed =
      WrittenBytesOf(pool_->trash(), volume.name.Text(), *volume.record);
  pool_->ledger().Release(LedgerKey(volume.name));
  const absl::StatusOr<std::string> given_up = GiveUpKept(*pool_, volume.name);
  const absl::Status removed =
      given_up.ok() ? RemoveFromTrash(*pool_, *given_up) : given_up.status();
  if (!removed.ok()) {
    log::Warn("a deleted volume can't be removed; it is tried again",
              {{"pool", pool_->name()}, {"volume_id", volume.name.id}, {"error", removed}});
  }
  return removed.ok() && freed.ok() ? *freed : 0;
}

absl::StatusOr<VolumePtr> Engine::UndeleteVolume(const VolumeId& id) {
  return Finish(DoUndeleteVolume(id));
}

absl::StatusOr<VolumePtr> Engine::DoUndeleteVolume(const VolumeId& id) {
  RETURN_IF_ERROR(pool_->Check());
  if (!absl::IsNotFound(catalog_.volumes.Find(id.text()).status())) {
    return absl::AlreadyExistsError(absl::StrCat(
        "volume ", id.text(), " exists: it was not deleted, or one of its name was made since"));
  }
  std::optional<KeptVolume> kept = kept_.Take(id.text());
  if (!kept.has_value()) {
    return absl::NotFoundError(absl::StrCat("no deleted volume ", id.text(),
                                            " is kept: its undeleteWindow was 0 or is over, or its "
                                            "room was needed"));
  }
  // Others may have been promised its room a moment ago.
  if (pool_->ledger().Shortfall() > 0) {
    kept_.Put(*std::move(kept));
    return absl::ResourceExhaustedError(absl::StrCat(
        "pool \"", pool_->name(), "\" has no room for what was deleted any more; free some first"));
  }
  absl::Status restored =
      host::RenameNoReplace(pool_->trash(), kept->name.Text(), pool_->volumes(), id.text());
  if (!restored.ok()) {
    kept_.Put(*std::move(kept));
    return restored;
  }
  RETURN_IF_ERROR(pool_->SyncOrFault(pool_->volumes()));
  RETURN_IF_ERROR(pool_->SyncOrFault(pool_->trash()));
  pool_->ledger().Move(LedgerKey(kept->name), LedgerKey(id));
  pool_->ledger().SetExpendable(LedgerKey(id), false);
  catalog_.volumes.Put(kept->record);
  return kept->record;
}

}  // namespace nodevol::storage

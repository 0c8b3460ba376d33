// SPDX-License-Identifier: Apache-2.0
//
// The operations on the snapshots of one pool, and the copying of content.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/engine.h"
#include "storage/layout.h"
#include "storage/record_file.h"
#include "storage/staged_object.h"
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
  ASSIGN_OR_RETURN(const VolumePtr volume, volumes_.Find(source.text()));
  ASSIGN_OR_RETURN(const UniqueFd object, OpenVolume(source));
  ASSIGN_OR_RETURN(int64_t pinned, BackendOf(*volume).WrittenBytes(object.get()));
  const std::string no_room =
      absl::StrCat("pool \"", pool_->name(), "\" has no room for what the snapshot pins");
  absl::StatusOr<Ledger::Reservation> reservation = pool_->ledger().Reserve(LedgerKey(id), pinned);
  RETURN_IF_ERROR(Annotate(reservation.status(), no_room));
  MakeRoom();
  ASSIGN_OR_RETURN(StagedObject staged, StagedObject::Create(*pool_));
  RETURN_IF_ERROR(CopyVolume(*this, *volume, staged.directory(), /*read_only=*/true));
  RETURN_IF_ERROR(BackendOf(*volume).SyncContent(staged.directory()));
  // What the source's users had in memory has reached the disk, and the count, only now.
  ASSIGN_OR_RETURN(pinned, BackendOf(*volume).WrittenBytes(object.get()));
  RETURN_IF_ERROR(Annotate(reservation->Resize(pinned), no_room));
  auto record = std::make_shared<v1::SnapshotRecord>();
  record->set_id(id.text());
  record->set_generation(1);
  *record->mutable_request() = request;
  // To the nanosecond: it also tells snapshots apart that had the same name one after the other, and
  // which of two is older.
  *record->mutable_created() = google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
      absl::ToUnixNanos(absl::Now()));
  record->set_size_bytes(volume->size_bytes());
  record->set_pinned_bytes(pinned);
  if (volume->has_image()) {
    *record->mutable_image() = volume->image();
  } else {
    *record->mutable_directory() = volume->directory();
  }
  RETURN_IF_ERROR(WriteRecord(staged.directory(), kRecordFile, *record));
  RETURN_IF_ERROR(staged.Commit(pool_->snapshots(), id.text()));
  reservation->Keep();
  pool_->ledger().SetWritten(LedgerKey(id), pinned);
  snapshots_.Put(record);
  return SnapshotPtr(record);
}

absl::Status Engine::DeleteSnapshot(const SnapshotId& id) { return Finish(DoDeleteSnapshot(id)); }

absl::Status Engine::DoDeleteSnapshot(const SnapshotId& id) {
  RETURN_IF_ERROR(pool_->Check());
  const absl::Status found = snapshots_.Find(id.text()).status();
  if (absl::IsNotFound(found)) return absl::OkStatus();
  RETURN_IF_ERROR(found);
  RETURN_IF_ERROR(MoveToTrash(*pool_, pool_->snapshots(), TrashName::ForObject(id.text())));
  snapshots_.Erase(id.text());
  pool_->ledger().Release(LedgerKey(id));
  reaper_->Kick();
  return absl::OkStatus();
}

absl::Status Engine::CopyVolume(Engine& from, const v1::VolumeRecord& source, int object,
                                bool read_only) {
  RETURN_IF_ERROR(from.pool().Check());
  ASSIGN_OR_RETURN(const UniqueFd original,
                   host::OpenDirectory(from.pool().volumes(), source.id()));
  Backend& backend = from.BackendOf(source);
  ASSIGN_OR_RETURN(const std::vector<VolumeMount> mounts, from.LiveMounts(original.get(), source));
  for (const VolumeMount& mount : mounts) {
    ASSIGN_OR_RETURN(const std::optional<UniqueFd> fd,
                     from.OpenMountOf(original.get(), source, mount.path));
    if (!fd.has_value()) continue;
    // One is enough: all mounts of a volume are views of one filesystem or device.
    RETURN_IF_ERROR(backend.Flush(source, fd->get()));
    break;
  }
  // Somebody may use it although it is mounted nowhere that this driver sees: through a mount in
  // another namespace, or one that was taken away lazily.
  const absl::Status unused = backend.CheckUnused(original.get());
  if (ErrnoOf(unused) != 0) return unused;  // it could not be seen
  const bool in_use = !mounts.empty() || !unused.ok();
  return BackendOf(source).Copy({.object = original.get(), .in_use = in_use}, object, read_only);
}

absl::Status Engine::CopySnapshot(Engine& from, const v1::SnapshotRecord& source, int object) {
  RETURN_IF_ERROR(from.pool().Check());
  ASSIGN_OR_RETURN(const UniqueFd original,
                   host::OpenDirectory(from.pool().snapshots(), source.id()));
  return BackendOf(source).Copy({.object = original.get(), .in_use = false}, object,
                                /*read_only=*/false);
}

}  // namespace nodevol::storage

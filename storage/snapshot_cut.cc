// SPDX-License-Identifier: Apache-2.0
#include "storage/snapshot_cut.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/capability.h"
#include "storage/layout.h"
#include "storage/record_file.h"

namespace nodevol::storage {
namespace {

std::string NoRoom(const Pool& pool) {
  return absl::StrCat("pool \"", pool.name(), "\" has no room for what the snapshot pins");
}

}  // namespace

google::protobuf::Timestamp TimeOfCut() {
  return google::protobuf::util::TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(absl::Now()));
}

absl::StatusOr<SnapshotCut> SnapshotCut::Begin(Engine& engine, const SnapshotId& id,
                                               const VolumeId& source) {
  ASSIGN_OR_RETURN(VolumePtr volume, engine.volumes().Find(source.text()));
  ASSIGN_OR_RETURN(UniqueFd original, engine.OpenVolume(source));
  Backend& backend = engine.BackendOf(*volume);
  ASSIGN_OR_RETURN(VolumeUse use, engine.UseOf(original.get(), *volume));
  if (use.in_use) RETURN_IF_ERROR(backend.CheckLiveCopy());
  ASSIGN_OR_RETURN(const int64_t pinned, backend.WrittenBytes(original.get(), volume->directory()));
  absl::StatusOr<Ledger::Reservation> reservation =
      engine.pool().ledger().Reserve(Engine::LedgerKey(id), pinned);
  RETURN_IF_ERROR(Annotate(reservation.status(), NoRoom(engine.pool())));
  engine.MakeRoom();
  ASSIGN_OR_RETURN(StagedObject staged, StagedObject::Create(engine.pool()));
  auto record = std::make_shared<v1::SnapshotRecord>();
  RETURN_IF_ERROR(backend.DescribeSnapshot(*volume, *record));
  UniqueFd filesystem;
  if (use.mounted.valid() && volume->has_image() && !IsBlock(*volume)) {
    ASSIGN_OR_RETURN(filesystem, host::OpenDirectory(use.mounted.get(), "."));
  }
  SnapshotCut cut(engine, id, std::move(volume), std::move(original), std::move(use),
                  *std::move(reservation), std::move(staged));
  cut.filesystem_ = std::move(filesystem);
  cut.record_ = std::move(record);
  return cut;
}

absl::Status SnapshotCut::Flush() {
  if (!use_.mounted.valid()) return absl::OkStatus();
  return engine_->BackendOf(*source_).Flush(*source_, use_.mounted.get());
}

absl::Status SnapshotCut::Take() {
  return engine_->BackendOf(*source_).Copy(
      {.object = original_.get(), .in_use = use_.in_use},
      {.object = staged_.directory(), .directory = record_->directory(), .read_only = true});
}

absl::Status SnapshotCut::Seal(v1::SnapshotRecord record) {
  Backend& backend = engine_->BackendOf(*source_);
  RETURN_IF_ERROR(backend.SyncContent(staged_.directory()));
  // What the source's users had in memory has reached the disk, and the count, only now. A tree's
  // copy can take more than its source.
  ASSIGN_OR_RETURN(const int64_t shared,
                   backend.WrittenBytes(original_.get(), source_->directory()));
  ASSIGN_OR_RETURN(const int64_t copied,
                   backend.WrittenBytes(staged_.directory(), record_->directory()));
  const int64_t pinned = std::max(shared, copied);
  RETURN_IF_ERROR(Annotate(reservation_.Resize(pinned), NoRoom(engine_->pool())));
  record.set_id(id_.text());
  record.set_generation(1);
  record.mutable_request()->set_source_volume_id(source_->id());
  record.set_size_bytes(source_->size_bytes());
  record.set_pinned_bytes(pinned);
  // The content is described already.
  record_->MergeFrom(record);
  return WriteRecord(staged_.directory(), kRecordFile, *record_);
}

absl::StatusOr<SnapshotPtr> SnapshotCut::Commit() {
  Pool& pool = engine_->pool();
  RETURN_IF_ERROR(staged_.Commit(pool.snapshots(), id_.text()));
  reservation_.Keep();
  pool.ledger().SetWritten(Engine::LedgerKey(id_), record_->pinned_bytes());
  return SnapshotPtr(record_);
}

}  // namespace nodevol::storage

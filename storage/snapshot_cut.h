// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_SNAPSHOT_CUT_H_
#define NODEVOL_STORAGE_SNAPSHOT_CUT_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/timestamp.pb.h"

#include "base/unique_fd.h"
#include "storage/engine.h"
#include "storage/ids.h"
#include "storage/ledger.h"
#include "storage/node_storage.h"
#include "storage/staged_object.h"

namespace nodevol::storage {

// Now, to the nanosecond: it also tells snapshots apart that had the same name one after the other,
// and which of two is older.
google::protobuf::Timestamp TimeOfCut();

// A snapshot while it is cut: its space reserved, its object in staging; what is not committed is
// removed. The caller holds the locks of the snapshot and of its source, and calls Flush, Take,
// Seal and Commit in this order.
class SnapshotCut {
 public:
  // FAILED_PRECONDITION when the source is in use and a copy would be no point in time;
  // RESOURCE_EXHAUSTED.
  static absl::StatusOr<SnapshotCut> Begin(Engine& engine, const SnapshotId& id,
                                           const VolumeId& source);

  [[nodiscard]] Engine& engine() const { return *engine_; }
  [[nodiscard]] const v1::VolumeRecord& source() const { return *source_; }
  // Somebody may write to the source now.
  [[nodiscard]] bool in_use() const { return use_.in_use; }
  // The root, open for reading, of the filesystem in the source's image while that is in use where
  // this driver sees it; -1 when there is none. It can be frozen without harm to the pool.
  [[nodiscard]] int filesystem() const { return filesystem_.get(); }

  // Brings what the source's users have in memory into its content.
  absl::Status Flush();
  // Copies the content: the moment of the snapshot. Nothing of it is durable yet.
  absl::Status Take();
  // Makes all durable: the content, and the record, which needs nothing more than the request, the
  // time, and the group when there is one. RESOURCE_EXHAUSTED when more was written meanwhile than
  // there is room for.
  absl::Status Seal(v1::SnapshotRecord record);
  // The snapshot is there now. The index is left to the caller.
  absl::StatusOr<SnapshotPtr> Commit();

 private:
  SnapshotCut(Engine& engine, SnapshotId id, VolumePtr source, UniqueFd original, VolumeUse use,
              Ledger::Reservation reservation, StagedObject staged)
      : engine_(&engine),
        id_(std::move(id)),
        source_(std::move(source)),
        original_(std::move(original)),
        use_(std::move(use)),
        reservation_(std::move(reservation)),
        staged_(std::move(staged)) {}

  Engine* engine_;
  SnapshotId id_;
  VolumePtr source_;
  UniqueFd original_;  // the source's directory
  VolumeUse use_;
  UniqueFd filesystem_;
  Ledger::Reservation reservation_;
  StagedObject staged_;
  std::shared_ptr<v1::SnapshotRecord> record_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_SNAPSHOT_CUT_H_

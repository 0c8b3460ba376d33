// SPDX-License-Identifier: Apache-2.0
#include "storage/group_cut.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "host/freeze_guard.h"

namespace nodevol::storage {
namespace {

using google::protobuf::Timestamp;

// A database must not notice: probes and elections give up after some seconds. And a copy of an
// image takes milliseconds; one of tens of thousands of extents on XFS takes one second.
constexpr absl::Duration kFreezeLimit = absl::Seconds(2);

absl::Status CheckInstant(const std::vector<SnapshotCut*>& live) {
  std::vector<std::string> moving;
  for (const SnapshotCut* cut : live) {
    if (cut->filesystem() < 0) moving.push_back(cut->source().id());
  }
  if (moving.size() < 2) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "volumes ", absl::StrJoin(moving, ", "),
      " are in use and can't be frozen (raw block devices, directories, or used where this driver "
      "does not see it), so their snapshots would be of different moments; a group has room for "
      "one such volume: stop the pods of the others, or take their snapshots one by one"));
}

absl::Status FlushAll(const std::vector<SnapshotCut*>& cuts) {
  return FirstError(
      InParallel(cuts.size(), [&](size_t i) { return OfMember(*cuts[i], cuts[i]->Flush()); }));
}

absl::Status TakeAll(const std::vector<SnapshotCut*>& cuts) {
  return FirstError(
      InParallel(cuts.size(), [&](size_t i) { return OfMember(*cuts[i], cuts[i]->Take()); }));
}

absl::StatusOr<host::FreezeGuard> StartGuard(const std::vector<SnapshotCut*>& live) {
  std::vector<host::FreezeGuard::Filesystem> filesystems;
  for (const SnapshotCut* cut : live) {
    if (cut->filesystem() < 0) continue;
    filesystems.push_back(
        {cut->filesystem(), absl::StrCat("the filesystem of volume ", cut->source().id())});
  }
  return host::FreezeGuard::Start(std::move(filesystems), kFreezeLimit);
}

absl::Status ExplainIfSlow(const absl::Status& status) {
  if (!absl::IsDeadlineExceeded(status)) return status;
  return absl::UnavailableError(absl::StrCat(
      status.message(),
      "; nothing was kept, retry when the disks have less to do, or with fewer volumes"));
}

absl::Status CheckAwaited(const OperationContext& context) {
  if (!context.abandoned()) return absl::OkStatus();
  return absl::CancelledError("the caller is gone; nothing was kept, retry");
}

absl::StatusOr<Timestamp> TakeFrozen(const OperationContext& context,
                                     const std::vector<SnapshotCut*>& live) {
  ASSIGN_OR_RETURN(host::FreezeGuard guard, StartGuard(live));
  // Once more, with what was written during the first round and the start of the guard: what is
  // flushed now is not waited for by the users.
  RETURN_IF_ERROR(FlushAll(live));
  RETURN_IF_ERROR(CheckAwaited(context));
  // From here to the thaw nothing but what must be done while they are frozen.
  const absl::Duration start = MonotonicNow();
  RETURN_IF_ERROR(guard.Freeze());
  const Timestamp now = TimeOfCut();
  const absl::Status taken = TakeAll(live);
  const absl::Status thawed = guard.Thaw();
  const absl::Duration frozen = MonotonicNow() - start;
  RETURN_IF_ERROR(taken);
  RETURN_IF_ERROR(thawed);
  log::Info("volumes were frozen for a group snapshot",
            {{"volumes", live.size()}, {"ms", absl::ToDoubleMilliseconds(frozen)}});
  return now;
}

}  // namespace

absl::StatusOr<Timestamp> TakeAtOneInstant(const OperationContext& context,
                                           std::vector<SnapshotCut>& cuts) {
  std::vector<SnapshotCut*> live;
  std::vector<SnapshotCut*> still;
  for (SnapshotCut& cut : cuts) (cut.in_use() ? live : still).push_back(&cut);
  RETURN_IF_ERROR(CheckInstant(live));
  // Their locks keep them still, so they may take their time.
  for (SnapshotCut* cut : still) RETURN_IF_ERROR(OfMember(*cut, cut->Take()));
  RETURN_IF_ERROR(FlushAll(live));
  if (live.size() > 1) {
    absl::StatusOr<Timestamp> taken = TakeFrozen(context, live);
    if (!taken.ok()) return ExplainIfSlow(taken.status());
    return taken;
  }
  RETURN_IF_ERROR(CheckAwaited(context));
  const Timestamp now = TimeOfCut();
  RETURN_IF_ERROR(TakeAll(live));
  return now;
}

absl::Status OfMember(const SnapshotCut& cut, const absl::Status& status) {
  return OfMember(cut.engine(), cut.source().id(), status);
}

absl::Status OfMember(Engine& engine, absl::string_view volume_id, const absl::Status& status) {
  engine.pool().FaultOnDiskError(status);
  // The errno stays here: elsewhere it would be taken for another pool's.
  return status.ok() ? status
                     : absl::Status(status.code(),
                                    absl::StrCat("volume ", volume_id, ": ", status.message()));
}

}  // namespace nodevol::storage

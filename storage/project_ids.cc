// SPDX-License-Identifier: Apache-2.0
#include "storage/project_ids.h"

#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "host/project_quota.h"
#include "proto/storage.pb.h"
#include "storage/layout.h"
#include "storage/record_file.h"

namespace nodevol::storage {
namespace {

// One fsync for so many volumes.
constexpr uint32_t kReserveAtOnce = 1024;
// A window so full is somebody else's doing.
constexpr int kMaxCandidates = 64 * 1024;

}  // namespace

uint32_t FirstProjectIdOf(absl::string_view pool_uuid) {
  uint32_t number = 0;
  if (!absl::SimpleHexAtoi(pool_uuid.substr(0, 8), &number)) return kFirstProjectId;
  const uint32_t offset = number % (kLastProjectId - kFirstProjectId + 1);
  return kFirstProjectId + offset / kReserveAtOnce * kReserveAtOnce;
}

absl::StatusOr<uint32_t> ProjectIds::Allocate() {
  absl::MutexLock lock(&mutex_);
  if (next_ == 0) RETURN_IF_ERROR(Load());
  for (int candidate = 0; candidate < kMaxCandidates; ++candidate) {
    if (next_ == reserved_) RETURN_IF_ERROR(Reserve());
    const uint32_t id = next_++;
    ASSIGN_OR_RETURN(const host::ProjectQuota quota, host::GetProjectQuota(pool_.root(), id));
    if (quota.Unknown()) return id;
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "pool \"", pool_.name(), "\" has no free project id: ", kMaxCandidates, " in a row, up to ",
      next_ - 1, ", are in use on its filesystem; look at them with repquota -P or xfs_quota"));
}

absl::Status ProjectIds::Load() {
  v1::ProjectIdLedger ledger;
  const absl::Status read = ReadRecord(pool_.meta(), kProjectIdsFile, ledger);
  if (absl::IsFailedPrecondition(read)) return read;  // a newer driver's
  uint32_t start = FirstProjectIdOf(pool_.uuid());
  if (read.ok() && IsVolumeProject(ledger.next())) {
    start = ledger.next();
  } else if (ErrnoOf(read) != ENOENT) {
    // The kernel is asked about each id anyway.
    log::Warn("the file of project ids can't be used; they are counted from the pool's first again",
              {{"pool", pool_.name()}, {"error", read}});
  }
  next_ = start;
  reserved_ = start;
  return absl::OkStatus();
}

absl::Status ProjectIds::Reserve() {
  if (next_ > kLastProjectId) next_ = kFirstProjectId;
  const uint32_t end =
      kLastProjectId - next_ < kReserveAtOnce ? kLastProjectId + 1 : next_ + kReserveAtOnce;
  v1::ProjectIdLedger ledger;
  // What comes after the last is the first.
  ledger.set_next(end > kLastProjectId ? kFirstProjectId : end);
  reserved_ = next_;  // nothing may be given out unless this succeeds
  RETURN_IF_ERROR(ReplaceRecord(pool_.meta(), kProjectIdsFile, ledger));
  RETURN_IF_ERROR(pool_.SyncOrFault(pool_.meta()));
  reserved_ = end;
  return absl::OkStatus();
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/project_scrubber.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/privilege.h"
#include "host/project_id.h"
#include "host/project_quota.h"
#include "host/tree_cursor.h"
#include "storage/layout.h"
#include "storage/node_storage.h"
#include "storage/project_ids.h"

namespace nodevol::storage {
namespace {

constexpr absl::Duration kInterval = absl::Hours(1);
// After each batch it sleeps so many times as long as the batch took, on the disk or the CPU.
constexpr int kFilesInBatch = 256;
constexpr int kRestRatio = 19;
constexpr absl::Duration kLongestRest = absl::Seconds(10);

}  // namespace

ProjectScrubber::ProjectScrubber(Pool& pool, const ObjectIndex<v1::VolumeRecord>& volumes)
    : pool_(pool), volumes_(volumes) {
  thread_ = std::make_unique<PeriodicThread>(absl::StrCat(pool.name(), "-scrub"), kInterval,
                                             [this] { Run(); });
}

ProjectScrubber::~ProjectScrubber() { Stop(absl::ZeroDuration()); }

bool ProjectScrubber::Stop(absl::Duration timeout) {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  return thread_->Stop(timeout);
}

bool ProjectScrubber::Stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

bool ProjectScrubber::Rest(absl::Duration time) {
  absl::MutexLock lock(&mutex_);
  return !mutex_.AwaitWithTimeout(absl::Condition(&stopping_), time);
}

absl::Status ProjectScrubber::Pace() {
  if (files_in_batch_++ == 0) batch_start_ = MonotonicNow();
  if (files_in_batch_ < kFilesInBatch) return absl::OkStatus();
  files_in_batch_ = 0;
  const absl::Duration rest = kRestRatio * (MonotonicNow() - batch_start_);
  if (!Rest(std::min(rest, kLongestRest))) {
    return absl::CancelledError("the pool is being given back");
  }
  return pool_.Check();
}

void ProjectScrubber::Run() {
  if (!pool_.Check().ok()) return;
  if (const absl::Status removed = RemoveUnusedLimits(); !removed.ok()) {
    log::Warn("unused project quotas can't be removed",
              {{"pool", pool_.name()}, {"error", removed}});
  }
  ForEachVolume([this](const v1::VolumeRecord& volume) {
    const absl::Status scrubbed = ScrubVolume(volume);
    if (Stopping() || !pool_.Check().ok()) return false;
    if (!scrubbed.ok()) {
      log::Warn("not all files of a volume could be checked for their project",
                {{"volume_id", volume.id()}, {"error", scrubbed}});
    }
    return true;
  });
}

// A volume has a file, its directory, before it has a limit, and until that is gone: a limit
// without files is no volume's, whichever pool of this filesystem it was of, unless a pod has given
// the directory of an empty volume another project.
absl::Status ProjectScrubber::RemoveUnusedLimits() {
  std::vector<uint32_t> unused;
  for (uint32_t id = kFirstProjectId;;) {
    RETURN_IF_ERROR(Pace());
    ASSIGN_OR_RETURN(const std::optional<host::ProjectQuota> quota,
                     host::NextProjectQuota(pool_.root(), id));
    if (!quota.has_value() || quota->id > kLastProjectId) break;
    if (quota->used_inodes == 0 && quota->used_bytes == 0 && !quota->Unknown()) {
      unused.push_back(quota->id);
    }
    id = quota->id + 1;
  }
  if (unused.empty()) return absl::OkStatus();
  absl::flat_hash_set<uint32_t> ours;
  ForEachVolume([&ours](const v1::VolumeRecord& volume) {
    ours.insert(volume.directory().project_id());
    return true;
  });
  for (const uint32_t id : unused) {
    if (!ours.contains(id)) RETURN_IF_ERROR(host::SetProjectLimits(pool_.root(), id, {}));
  }
  return absl::OkStatus();
}

void ProjectScrubber::ForEachVolume(absl::FunctionRef<bool(const v1::VolumeRecord&)> visit) {
  std::string after;
  constexpr size_t kPage = 256;
  while (true) {
    const std::vector<VolumePtr> page = volumes_.After(after, kPage);
    for (const VolumePtr& volume : page) {
      if (volume->directory().limit() != v1::DirectoryContent::PROJECT_QUOTA) continue;
      if (!visit(*volume)) return;
    }
    if (page.size() < kPage) return;
    after = page.back()->id();
  }
}

absl::Status ProjectScrubber::ScrubVolume(const v1::VolumeRecord& record) {
  const absl::StatusOr<UniqueFd> data =
      host::OpenDirectory(pool_.volumes(), absl::StrCat(record.id(), "/", kDataDirectory));
  if (ErrnoOf(data.status()) == ENOENT) return absl::OkStatus();  // deleted meanwhile
  RETURN_IF_ERROR(data.status());
  Findings findings;
  ScrubFile(data->get(), /*directory=*/true, record.directory().project_id(), findings);
  absl::Status scrubbed = ScrubTree(data->get(), record.directory().project_id(), findings);
  if (findings.wrong > 0) {
    escapes_ += findings.wrong;
    log::Warn(
        "files of a volume had another project, so that its limit did not count them: a pod "
        "changed that; they are put right",
        {{"volume_id", record.id()},
         {"files", findings.wrong},
         {"not_repaired", findings.not_repaired},
         {"error", findings.why}});
  }
  return scrubbed;
}

absl::Status ProjectScrubber::ScrubTree(int data, uint32_t project, Findings& findings) {
  ASSIGN_OR_RETURN(host::TreeCursor cursor, host::TreeCursor::Start(data));
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> name, cursor.Next());
    if (!name.has_value()) {
      if (cursor.depth() == 0) return absl::OkStatus();
      RETURN_IF_ERROR(cursor.Leave());
      continue;
    }
    RETURN_IF_ERROR(Pace());
    const absl::StatusOr<UniqueFd> file =
        host::OpenBeneath(cursor.directory(), *name, O_PATH | O_NOFOLLOW);
    if (ErrnoOf(file.status()) == ENOENT) continue;  // removed meanwhile
    RETURN_IF_ERROR(file.status());
    ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(file->get()));
    if (info.mount_root) continue;
    ScrubFile(file->get(), S_ISDIR(info.mode), project, findings);
    if (!S_ISDIR(info.mode)) continue;
    const absl::Status entered = cursor.Enter(*name);
    // Removed meanwhile, exchanged for something else, or mounted on.
    const bool gone = ErrnoOf(entered) == ENOENT || ErrnoOf(entered) == ENOTDIR ||
                      ErrnoOf(entered) == ELOOP || absl::IsFailedPrecondition(entered);
    if (!gone) RETURN_IF_ERROR(entered);
  }
}

void ProjectScrubber::ScrubFile(int fd, bool directory, uint32_t project, Findings& findings) {
  const host::Project right = {.id = project, .inherit = directory};
  const absl::StatusOr<host::Project> found = host::ProjectOf(fd);
  // Links and devices on older kernels, which can't be asked; a file under a lease.
  if (!found.ok() || *found == right) return;
  ++findings.wrong;
  // The volume may be full without the file, and must take it nevertheless.
  const host::ScopedSysResource unlimited;
  const absl::Status repaired = host::SetProject(fd, right);
  if (repaired.ok()) return;
  ++findings.not_repaired;
  findings.why = repaired;
}

}  // namespace nodevol::storage

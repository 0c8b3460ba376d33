// SPDX-License-Identifier: Apache-2.0
#include "storage/project_quota_backend.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "host/copy_tree.h"
#include "host/file.h"
#include "host/project_id.h"
#include "host/project_quota.h"
#include "storage/layout.h"

namespace nodevol::storage {
namespace {

// Makes the empty directory that the content goes into: whatever is made in it is charged to the
// project, so the project comes first.
absl::StatusOr<UniqueFd> MakeData(int object, uint32_t project) {
  RETURN_IF_ERROR(host::MakeDirectory(object, kDataDirectory, kDirectoryMode));
  ASSIGN_OR_RETURN(UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  RETURN_IF_ERROR(host::SetProject(data.get(), {.id = project, .inherit = true}));
  return data;
}

host::ProjectLimits LimitsOf(const v1::VolumeRecord& record) {
  return {.bytes = record.size_bytes(), .inodes = record.attributes().inode_limit()};
}

bool AreEnforced(const host::ProjectLimits& wanted, const host::ProjectLimits& now) {
  return now.inodes == wanted.inodes && now.HasBytes(wanted.bytes);
}

// A limit on any other project would be a limit on somebody else, on project 0 on everybody.
absl::Status CheckProject(const v1::DirectoryContent& directory) {
  if (IsVolumeProject(directory.project_id())) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("its record has project ", directory.project_id(), ", which is no volume's"));
}

}  // namespace

absl::StatusOr<v1::DirectoryContent> ProjectQuotaBackend::NewDirectory() {
  v1::DirectoryContent directory;
  directory.set_limit(v1::DirectoryContent::PROJECT_QUOTA);
  ASSIGN_OR_RETURN(const uint32_t id, ids_.Allocate());
  directory.set_project_id(id);
  return directory;
}

absl::Status ProjectQuotaBackend::Describe(const VolumeSpec&, v1::VolumeRecord& record) {
  ASSIGN_OR_RETURN(*record.mutable_directory(), NewDirectory());
  return absl::OkStatus();
}

absl::Status ProjectQuotaBackend::DescribeSnapshot(const v1::VolumeRecord&,
                                                   v1::SnapshotRecord& snapshot) {
  ASSIGN_OR_RETURN(*snapshot.mutable_directory(), NewDirectory());
  return absl::OkStatus();
}

absl::Status ProjectQuotaBackend::Create(int object, const v1::VolumeRecord& record,
                                         const VolumeSpec& spec) {
  ASSIGN_OR_RETURN(const UniqueFd data, MakeData(object, record.directory().project_id()));
  RETURN_IF_ERROR(SetUpRoot(data.get(), spec.root));
  return ApplySize(object, record);
}

absl::Status ProjectQuotaBackend::Copy(const CopySource& source, const CopyTarget& target) {
  if (source.in_use) RETURN_IF_ERROR(CheckLiveCopy());
  ASSIGN_OR_RETURN(const UniqueFd from, host::OpenDirectory(source.object, kDataDirectory));
  ASSIGN_OR_RETURN(const UniqueFd to, MakeData(target.object, target.directory.project_id()));
  RETURN_IF_ERROR(host::CopyTree(from.get(), to.get()));
  // One call for all files: an fsync each would take a commit of the journal each.
  return host::SyncFilesystem(to.get());
}

absl::Status ProjectQuotaBackend::CheckLiveCopy() const {
  return absl::FailedPreconditionError(
      "the volume is in use, and a copy of a directory would be no point in time; stop its pods "
      "and retry, or keep such volumes in images (backend: image) in a pool on xfs (with "
      "reflink) or btrfs");
}

absl::Status ProjectQuotaBackend::ApplySize(int object, const v1::VolumeRecord& record) {
  RETURN_IF_ERROR(CheckProject(record.directory()));
  const uint32_t id = record.directory().project_id();
  const host::Project project = {.id = id, .inherit = true};
  const host::ProjectLimits limits = LimitsOf(record);
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(const host::ProjectQuotaState state, host::GetProjectQuotaState(data.get()));
  if (!state.enforcement) {
    return absl::FailedPreconditionError(
        "project quotas are not enforced any more on the pool's filesystem; switch them on again");
  }
  ASSIGN_OR_RETURN(const host::Project found, host::ProjectOf(data.get()));
  if (found != project) {
    log::Warn("the project of a volume's directory was changed; it is put right",
              {{"volume_id", record.id()}, {"found", found.id}, {"project", id}});
    // A full volume would not take its own directory back.
    RETURN_IF_ERROR(host::SetProjectLimits(data.get(), id, {}));
    RETURN_IF_ERROR(host::SetProject(data.get(), project));
  }
  ASSIGN_OR_RETURN(host::ProjectQuota quota, host::GetProjectQuota(data.get(), id));
  if (AreEnforced(limits, quota.limits)) return absl::OkStatus();
  RETURN_IF_ERROR(host::SetProjectLimits(data.get(), id, limits));
  // Read back what the kernel has: a limit that is only believed in is none.
  ASSIGN_OR_RETURN(quota, host::GetProjectQuota(data.get(), id));
  ASSIGN_OR_RETURN(const host::Project now, host::ProjectOf(data.get()));
  if (now == project && AreEnforced(limits, quota.limits)) return absl::OkStatus();
  return absl::InternalError("the kernel did not take the volume's project or its limits");
}

absl::Status ProjectQuotaBackend::SyncContent(int object) {
  // The limit needs no sync: what a power cut takes of it is set again at start.
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  return host::Sync(data.get());
}

absl::StatusOr<int64_t> ProjectQuotaBackend::WrittenBytes(int object,
                                                          const v1::DirectoryContent& directory) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(const host::ProjectQuota quota,
                   host::GetProjectQuota(data.get(), directory.project_id()));
  return quota.used_bytes;
}

absl::StatusOr<VolumeUsage> ProjectQuotaBackend::Usage(int, const v1::VolumeRecord& record, int) {
  ASSIGN_OR_RETURN(const host::ProjectQuota quota,
                   host::GetProjectQuota(pool().root(), record.directory().project_id()));
  ASSIGN_OR_RETURN(VolumeUsage usage, UsageOf(record, quota.used_bytes));
  usage.inodes = VolumeUsage::Inodes{.used = quota.used_inodes};
  if (quota.limits.inodes > 0) {
    usage.inodes->total = quota.limits.inodes;
    usage.inodes->available = std::max<int64_t>(0, quota.limits.inodes - quota.used_inodes);
  }
  return usage;
}

std::vector<HealthCondition> ProjectQuotaBackend::HealthInUse(int object,
                                                              const v1::VolumeRecord& record, int) {
  const uint32_t id = record.directory().project_id();
  const absl::StatusOr<UniqueFd> data = host::OpenDirectory(object, kDataDirectory);
  if (!data.ok()) return {};
  const absl::StatusOr<host::ProjectQuotaState> state = host::GetProjectQuotaState(data->get());
  if (!state.ok()) return {};
  if (!state->enforcement) {
    return QuotaMissing(
        "project quotas are not enforced any more on the pool's filesystem; "
        "switch them on again");
  }
  const absl::StatusOr<host::Project> found = host::ProjectOf(data->get());
  if (found.ok() && *found != host::Project{.id = id, .inherit = true}) {
    return QuotaMissing(
        absl::StrCat("the volume's directory has project ", found->id, ", not its own, ", id,
                     ": a pod changed that; restart the driver, which puts it right"));
  }
  const absl::StatusOr<host::ProjectQuota> quota = host::GetProjectQuota(data->get(), id);
  if (!quota.ok() || AreEnforced(LimitsOf(record), quota->limits)) return {};
  return QuotaMissing(absl::StrCat("the limits of project ", id,
                                   " are not those of the volume; restart the driver, which sets "
                                   "them again"));
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/subvolume_backend.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "storage/layout.h"

namespace nodevol::storage {
namespace {

absl::StatusOr<host::QuotaGroupId> GroupOf(int data) {
  ASSIGN_OR_RETURN(const host::SubvolumeId id, host::SubvolumeOf(data));
  return host::QuotaGroupId{1, id};
}

absl::StatusOr<host::QuotaGroupUsage> ReadGroup(int data) {
  ASSIGN_OR_RETURN(const host::QuotaGroupId group, GroupOf(data));
  ASSIGN_OR_RETURN(const std::optional<host::QuotaGroupUsage> usage,
                   host::GetQuotaGroup(data, group));
  if (!usage.has_value()) {
    return absl::InternalError(absl::StrCat("quota group 1/", group.id,
                                            " of the volume is missing; "
                                            "restart the driver, which makes it again"));
  }
  return *usage;
}

}  // namespace

absl::Status SubvolumeBackend::Describe(const VolumeSpec&, v1::VolumeRecord& record) {
  record.mutable_directory()->set_limit(v1::DirectoryContent::BTRFS_SIMPLE_QUOTA);
  return absl::OkStatus();
}

absl::Status SubvolumeBackend::Create(int object, const v1::VolumeRecord& record,
                                      const VolumeSpec& spec) {
  RETURN_IF_ERROR(host::CreateSubvolume(object, kDataDirectory));
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  RETURN_IF_ERROR(SetUpRoot(data.get(), spec.root));
  return ApplySize(object, record);
}

absl::Status SubvolumeBackend::Copy(const CopySource& source, const CopyTarget& target) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(source.object, kDataDirectory));
  const absl::Status copied =
      host::SnapshotSubvolume(data.get(), target.object, kDataDirectory, target.read_only);
  if (ErrnoOf(copied) == EXDEV) {
    return absl::InvalidArgumentError(
        "a directory can't be copied to another pool; leave the parameter pool out, or name the "
        "source's pool");
  }
  return copied;
}

absl::Status SubvolumeBackend::CheckLiveCopy() const { return absl::OkStatus(); }

absl::Status SubvolumeBackend::ApplySize(int object, const v1::VolumeRecord& record) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(const host::QuotaGroupId group, GroupOf(data.get()));
  ASSIGN_OR_RETURN(std::optional<host::QuotaGroupUsage> before, host::GetQuotaGroup(object, group));
  if (before.has_value() && before->limit_bytes == record.size_bytes()) return absl::OkStatus();
  // These change the quota tree on behalf of the subvolume that their descriptor is in: a volume
  // that is full would have no room for its own growth.
  if (!before.has_value()) RETURN_IF_ERROR(host::CreateQuotaGroup(object, group));
  RETURN_IF_ERROR(host::AddToQuotaGroup(object, {0, group.id}, group));
  RETURN_IF_ERROR(host::SetQuotaLimit(object, group, record.size_bytes()));
  // Read back what the kernel has: a limit that is only believed in is none.
  ASSIGN_OR_RETURN(const host::QuotaGroupUsage after, ReadGroup(data.get()));
  ASSIGN_OR_RETURN(const std::vector<host::QuotaGroupId> members,
                   host::QuotaGroupMembers(object, group));
  const bool member = std::any_of(members.begin(), members.end(), [&](host::QuotaGroupId id) {
    return id.level == 0 && id.id == group.id;
  });
  if (!member || after.limit_bytes != record.size_bytes()) {
    return absl::InternalError("the kernel did not take the volume's size limit");
  }
  // fsync writes a log that leaves quotas out; only a commit makes them durable.
  return host::CommitTransaction(object);
}

absl::Status SubvolumeBackend::SyncContent(int) {
  // Taking a snapshot commits, and ApplySize has committed the limit.
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SubvolumeBackend::WrittenBytes(int object, const v1::DirectoryContent&) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(const host::QuotaGroupId group, GroupOf(data.get()));
  ASSIGN_OR_RETURN(const std::optional<host::QuotaGroupUsage> usage,
                   host::GetQuotaGroup(data.get(), group));
  return usage.has_value() ? usage->used_bytes : 0;
}

absl::StatusOr<VolumeUsage> SubvolumeBackend::Usage(int object, const v1::VolumeRecord& record,
                                                    int) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(const host::QuotaGroupUsage group, ReadGroup(data.get()));
  ASSIGN_OR_RETURN(VolumeUsage usage, UsageOf(record, group.used_bytes));
  ASSIGN_OR_RETURN(const std::optional<int64_t> inodes, inodes_.Count(data.get()));
  if (inodes.has_value()) usage.inodes = {.total = 0, .used = *inodes, .available = 0};
  return usage;
}

std::vector<HealthCondition> SubvolumeBackend::HealthInUse(int object,
                                                           const v1::VolumeRecord& record, int) {
  const absl::StatusOr<UniqueFd> data = host::OpenDirectory(object, kDataDirectory);
  if (!data.ok()) return {};
  const absl::StatusOr<host::QuotaGroupUsage> group = ReadGroup(data->get());
  if (group.ok() && group->limit_bytes == record.size_bytes()) return {};
  return QuotaMissing(group.ok() ? "the limit of the volume's quota group is not its size; restart "
                                   "the driver, which sets it again"
                                 : std::string(group.status().message()));
}

}  // namespace nodevol::storage

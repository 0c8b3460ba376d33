// SPDX-License-Identifier: Apache-2.0
#include "storage/subvolume_backend.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/mount.h"
#include "storage/layout.h"

namespace nodevol::storage {
namespace {

constexpr int64_t kMinimumBytes = kMiB;

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

int64_t SubvolumeBackend::MinimumSize(const VolumeSpec&) const { return kMinimumBytes; }

void SubvolumeBackend::Describe(const VolumeSpec&, v1::VolumeRecord& record) const {
  record.mutable_directory()->set_limit(v1::DirectoryContent::BTRFS_SIMPLE_QUOTA);
}

absl::Status SubvolumeBackend::Create(int object, const v1::VolumeRecord& record,
                                      const VolumeSpec& spec) {
  RETURN_IF_ERROR(host::CreateSubvolume(object, kDataDirectory));
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  if (::fchown(data.get(), spec.root.uid, spec.root.gid) != 0 ||
      ::fchmod(data.get(), spec.root.mode) != 0) {
    return ErrnoStatus(errno, "set the owner and mode of the root directory");
  }
  return ApplySize(object, record);
}

absl::Status SubvolumeBackend::Copy(const CopySource& source, int object, bool read_only) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(source.object, kDataDirectory));
  const absl::Status copied =
      host::SnapshotSubvolume(data.get(), object, kDataDirectory, read_only);
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

absl::Status SubvolumeBackend::PrepareGrowth(int, const v1::VolumeRecord&) {
  return absl::OkStatus();
}

absl::Status SubvolumeBackend::SyncContent(int) {
  // Taking a snapshot commits, and ApplySize has committed the limit.
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SubvolumeBackend::WrittenBytes(int object) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(const host::QuotaGroupId group, GroupOf(data.get()));
  ASSIGN_OR_RETURN(const std::optional<host::QuotaGroupUsage> usage,
                   host::GetQuotaGroup(data.get(), group));
  return usage.has_value() ? usage->used_bytes : 0;
}

absl::StatusOr<UniqueFd> SubvolumeBackend::OpenMount(int object, const v1::VolumeRecord& record,
                                                     const MountFlags& flags) {
  RETURN_IF_ERROR(ApplySize(object, record));
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(UniqueFd tree, host::CloneTree(data.get()));
  RETURN_IF_ERROR(host::SetMountAttributes(tree.get(), flags.attributes));
  return tree;
}

absl::StatusOr<host::LoopDevice> SubvolumeBackend::AttachDevice(int, const v1::VolumeRecord&,
                                                                bool) {
  return absl::FailedPreconditionError("a directory volume is no block device");
}

absl::StatusOr<bool> SubvolumeBackend::Owns(int object, const v1::VolumeRecord&, int fd) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenBeneath(object, kDataDirectory, O_PATH));
  ASSIGN_OR_RETURN(const host::FileInfo own, host::Inspect(data.get()));
  ASSIGN_OR_RETURN(const host::FileInfo other, host::Inspect(fd));
  return own.SameFileAs(other);
}

absl::StatusOr<VolumeUsage> SubvolumeBackend::Usage(int object, const v1::VolumeRecord& record,
                                                    int) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(const host::QuotaGroupUsage group, ReadGroup(data.get()));
  ASSIGN_OR_RETURN(const host::FilesystemUsage pool, host::UsageOf(pool_.root()));
  VolumeUsage usage;
  usage.total_bytes = record.size_bytes();
  usage.used_bytes = group.used_bytes;
  // The volume may be allowed more than the pool has left.
  usage.available_bytes =
      std::clamp<int64_t>(record.size_bytes() - group.used_bytes, 0, pool.available_bytes);
  ASSIGN_OR_RETURN(const std::optional<int64_t> inodes, inodes_.Count(data.get()));
  if (inodes.has_value()) usage.inodes = {.total = 0, .used = *inodes, .available = 0};
  return usage;
}

absl::Status SubvolumeBackend::Flush(const v1::VolumeRecord&, int) {
  return absl::OkStatus();  // taking the snapshot writes the subvolume's dirty data first
}

std::vector<HealthCondition> SubvolumeBackend::HealthInUse(int object,
                                                           const v1::VolumeRecord& record, int) {
  const absl::StatusOr<UniqueFd> data = host::OpenDirectory(object, kDataDirectory);
  if (!data.ok()) return {};
  const absl::StatusOr<host::QuotaGroupUsage> group = ReadGroup(data->get());
  if (group.ok() && group->limit_bytes == record.size_bytes()) return {};
  return {{.status = HealthStatus::kDegraded,
           .reason = kQuotaMissing,
           .message = group.ok() ? "the limit of the volume's quota group is not its size; restart "
                                   "the driver, which sets it again"
                                 : std::string(group.status().message())}};
}

absl::Status SubvolumeBackend::CheckUnused(int) {
  return absl::OkStatus();  // nothing but mounts makes it used
}

absl::Status SubvolumeBackend::ApplyAttributesInUse(const v1::VolumeRecord&, int) {
  return absl::OkStatus();
}

absl::Status SubvolumeBackend::GrowInUse(int object, const v1::VolumeRecord& record, int) {
  return ApplySize(object, record);
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/object_removal.h"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "host/project_id.h"
#include "host/project_quota.h"
#include "host/remove_tree.h"
#include "proto/storage.pb.h"
#include "storage/layout.h"
#include "storage/project_ids.h"
#include "storage/record_file.h"

namespace nodevol::storage {
namespace {

// Takes the quota group of a volume's subvolume away while the subvolume still stands: its id is
// what names the group, so after a crash the next attempt finds it again.
absl::Status RemoveGroupOf(int fd, host::SubvolumeId subvolume) {
  const host::QuotaGroupId group = {1, subvolume};
  const absl::StatusOr<std::optional<host::QuotaGroupUsage>> usage = host::GetQuotaGroup(fd, group);
  // Without quotas there is no quota tree.
  if (ErrnoOf(usage.status()) == ENOENT) return absl::OkStatus();
  RETURN_IF_ERROR(usage.status());
  if (!usage->has_value()) return absl::OkStatus();
  // A full group would refuse even the removal of what a pod nested in it.
  RETURN_IF_ERROR(host::SetQuotaLimit(fd, group, std::nullopt));
  ASSIGN_OR_RETURN(const std::vector<host::QuotaGroupId> members,
                   host::QuotaGroupMembers(fd, group));
  for (const host::QuotaGroupId member : members) {
    RETURN_IF_ERROR(host::TakeFromQuotaGroup(fd, member, group));
  }
  return host::RemoveQuotaGroup(fd, group);
}

// The subvolumes nested in `top`, deepest last.
absl::StatusOr<std::vector<host::SubvolumeId>> NestedSubvolumes(int fd, host::SubvolumeId top) {
  std::vector<host::SubvolumeId> all;
  std::vector<host::SubvolumeId> level = {top};
  while (!level.empty()) {
    std::vector<host::SubvolumeId> next;
    for (const host::SubvolumeId parent : level) {
      ASSIGN_OR_RETURN(const std::vector<host::SubvolumeId> children,
                       host::ChildSubvolumes(fd, parent));
      next.insert(next.end(), children.begin(), children.end());
    }
    all.insert(all.end(), next.begin(), next.end());
    level = std::move(next);
  }
  return all;
}

// Nothing can be taken out of a read-only subvolume, and its owner, a pod, may have made it that.
absl::Status MakeWritable(int top, const std::vector<host::SubvolumeId>& nested) {
  if (nested.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(host::MakeSubvolumeWritable(top));
  for (const host::SubvolumeId id : nested) {
    ASSIGN_OR_RETURN(const UniqueFd subvolume, host::OpenSubvolume(top, id));
    RETURN_IF_ERROR(host::MakeSubvolumeWritable(subvolume.get()));
  }
  return absl::OkStatus();
}

absl::Status RemoveSubvolume(int object, const char* name) {
  const absl::StatusOr<UniqueFd> directory = host::OpenDirectory(object, name);
  if (ErrnoOf(directory.status()) == ENOENT) return absl::OkStatus();
  RETURN_IF_ERROR(directory.status());
  ASSIGN_OR_RETURN(const bool is_subvolume, host::IsSubvolumeRoot(directory->get()));
  if (!is_subvolume) return absl::OkStatus();
  ASSIGN_OR_RETURN(const host::SubvolumeId id, host::SubvolumeOf(directory->get()));
  RETURN_IF_ERROR(RemoveGroupOf(object, id));
  ASSIGN_OR_RETURN(const std::vector<host::SubvolumeId> nested, NestedSubvolumes(object, id));
  RETURN_IF_ERROR(MakeWritable(directory->get(), nested));
  for (auto child = nested.rbegin(); child != nested.rend(); ++child) {
    RETURN_IF_ERROR(host::DestroySubvolumeById(object, *child));
  }
  return host::DestroySubvolume(object, name);
}

// The project whose limit ends with the object. What the record says is believed: a pod may have
// given its directory another project, whose limit is somebody else's. Without a record no pod has
// seen the directory.
absl::StatusOr<std::optional<uint32_t>> LimitedProjectOf(int object) {
  v1::VolumeRecord record;
  const absl::Status read = ReadRecord(object, kRecordFile, record);
  std::optional<uint32_t> project;
  if (read.ok()) {
    project = record.directory().project_id();
  } else if (ErrnoOf(read) == ENOENT) {
    const absl::StatusOr<UniqueFd> data = host::OpenDirectory(object, kDataDirectory);
    if (ErrnoOf(data.status()) == ENOENT) return std::optional<uint32_t>();
    RETURN_IF_ERROR(data.status());
    ASSIGN_OR_RETURN(const host::Project own, host::ProjectOf(data->get()));
    project = own.id;
  }
  // A snapshot, whose record reads differently, has no limit.
  if (project.has_value() && !IsVolumeProject(*project)) project.reset();
  return project;
}

// Removes a directory and, once it is gone, the limit of its project. The record, which names it,
// stays until then: interrupted anywhere, the next attempt knows it too.
absl::Status RemoveProjectDirectory(int object) {
  ASSIGN_OR_RETURN(const std::optional<uint32_t> project, LimitedProjectOf(object));
  RETURN_IF_ERROR(host::RemoveTree(object, kDataDirectory));
  if (!project.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const host::ProjectQuotaState state, host::GetProjectQuotaState(object));
  // Without quotas there is no limit either; those that a mount without them hides are removed when
  // they are back (project_scrubber.h).
  if (!state.accounting) return absl::OkStatus();
  return host::SetProjectLimits(object, *project, {});
}

}  // namespace

absl::Status RemoveObject(int parent, absl::string_view name) {
  const absl::StatusOr<UniqueFd> object = host::OpenDirectory(parent, name);
  if (ErrnoOf(object.status()) == ENOENT) return absl::OkStatus();
  if (ErrnoOf(object.status()) != ENOTDIR) {
    RETURN_IF_ERROR(object.status());
    ASSIGN_OR_RETURN(const host::FilesystemType type, host::IdentifyFilesystem(object->get()));
    if (type == host::FilesystemType::kBtrfs) {
      RETURN_IF_ERROR(RemoveSubvolume(object->get(), kDataDirectory));
      RETURN_IF_ERROR(RemoveSubvolume(object->get(), kImageSubvolume));
    } else {
      RETURN_IF_ERROR(RemoveProjectDirectory(object->get()));
    }
  }
  return host::RemoveTree(parent, name);
}

}  // namespace nodevol::storage

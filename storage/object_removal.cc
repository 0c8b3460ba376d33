// SPDX-License-Identifier: Apache-2.0
#include "storage/object_removal.h"

#include <cerrno>
#include <string>
#include <vector>

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "host/remove_tree.h"
#include "storage/layout.h"

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
    }
  }
  return host::RemoveTree(parent, name);
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/directory_backend.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/mount.h"
#include "storage/layout.h"

namespace nodevol::storage {
absl::Status DirectoryBackend::SetUpRoot(int data, const RootDirectory& root) {
  if (::fchown(data, root.uid, root.gid) != 0 || ::fchmod(data, root.mode) != 0) {
    return ErrnoStatus(errno, "set the owner and mode of the root directory");
  }
  return absl::OkStatus();
}

absl::Status DirectoryBackend::PrepareGrowth(int, const v1::VolumeRecord&) {
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> DirectoryBackend::OpenMount(int object, const v1::VolumeRecord& record,
                                                     const MountFlags& flags) {
  RETURN_IF_ERROR(ApplySize(object, record));
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kDataDirectory));
  ASSIGN_OR_RETURN(UniqueFd tree, host::CloneTree(data.get()));
  RETURN_IF_ERROR(host::SetMountAttributes(tree.get(), flags.attributes));
  return tree;
}

absl::StatusOr<host::LoopDevice> DirectoryBackend::AttachDevice(int, const v1::VolumeRecord&,
                                                                bool) {
  return absl::FailedPreconditionError("a directory volume is no block device");
}

absl::StatusOr<bool> DirectoryBackend::Owns(int object, const v1::VolumeRecord&, int fd) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenBeneath(object, kDataDirectory, O_PATH));
  ASSIGN_OR_RETURN(const host::FileInfo own, host::Inspect(data.get()));
  ASSIGN_OR_RETURN(const host::FileInfo other, host::Inspect(fd));
  return own.SameFileAs(other);
}

std::vector<HealthCondition> DirectoryBackend::QuotaMissing(std::string why) {
  return {{.status = HealthStatus::kDegraded, .reason = kQuotaMissing, .message = std::move(why)}};
}

absl::StatusOr<VolumeUsage> DirectoryBackend::UsageOf(const v1::VolumeRecord& record,
                                                      int64_t used_bytes) const {
  ASSIGN_OR_RETURN(const host::FilesystemUsage pool, host::UsageOf(pool_.root()));
  VolumeUsage usage;
  usage.total_bytes = record.size_bytes();
  usage.used_bytes = used_bytes;
  // The volume may be allowed more than the pool has left.
  usage.available_bytes =
      std::clamp<int64_t>(record.size_bytes() - used_bytes, 0, pool.available_bytes);
  return usage;
}

absl::Status DirectoryBackend::Flush(const v1::VolumeRecord&, int) {
  return absl::OkStatus();  // copying reads what is in memory too
}

absl::Status DirectoryBackend::CheckUnused(int) {
  return absl::OkStatus();  // nothing but mounts makes it used
}

absl::Status DirectoryBackend::ApplyAttributesInUse(const v1::VolumeRecord&, int) {
  return absl::OkStatus();
}

absl::Status DirectoryBackend::GrowInUse(int object, const v1::VolumeRecord& record, int) {
  return ApplySize(object, record);
}

}  // namespace nodevol::storage

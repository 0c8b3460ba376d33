// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_SUBVOLUME_BACKEND_H_
#define NODEVOL_STORAGE_SUBVOLUME_BACKEND_H_

#include "storage/directory_backend.h"
#include "storage/inode_counter.h"

namespace nodevol::storage {

// Directory volumes on btrfs: a subvolume `data` in a level-1 group of simple quotas, whose number
// is the subvolume's. The limit is on the group, because subvolumes that a pod nests in its volume
// are put into it by the kernel and so don't escape. Copies are subvolume snapshots: constant time,
// live.
class SubvolumeBackend : public DirectoryBackend {
 public:
  // The pool must outlive the backend and have simple quotas.
  explicit SubvolumeBackend(const Pool& pool) : DirectoryBackend(pool) {}

  absl::Status Describe(const VolumeSpec& spec, v1::VolumeRecord& record) override;
  absl::Status Create(int object, const v1::VolumeRecord& record, const VolumeSpec& spec) override;
  absl::Status Copy(const CopySource& source, const CopyTarget& target) override;
  [[nodiscard]] absl::Status CheckLiveCopy() const override;
  absl::Status ApplySize(int object, const v1::VolumeRecord& record) override;
  absl::Status SyncContent(int object) override;
  absl::StatusOr<int64_t> WrittenBytes(int object, const v1::DirectoryContent& directory) override;
  absl::StatusOr<VolumeUsage> Usage(int object, const v1::VolumeRecord& record, int fd) override;
  std::vector<HealthCondition> HealthInUse(int object, const v1::VolumeRecord& record,
                                           int fd) override;

 private:
  InodeCounter inodes_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_SUBVOLUME_BACKEND_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_SUBVOLUME_BACKEND_H_
#define NODEVOL_STORAGE_SUBVOLUME_BACKEND_H_

#include "storage/backend.h"
#include "storage/inode_counter.h"
#include "storage/pool.h"

namespace nodevol::storage {

// Directory volumes on btrfs: a subvolume `data` in a level-1 group of simple quotas, whose number
// is the subvolume's. The limit is on the group, because subvolumes that a pod nests in its volume
// are put into it by the kernel and so don't escape. Copies are subvolume snapshots: constant time,
// live.
class SubvolumeBackend : public Backend {
 public:
  // The pool must outlive the backend and have simple quotas.
  explicit SubvolumeBackend(const Pool& pool) : pool_(pool) {}

  [[nodiscard]] int64_t MinimumSize(const VolumeSpec& spec) const override;
  void Describe(const VolumeSpec& spec, v1::VolumeRecord& record) const override;
  absl::Status Create(int object, const v1::VolumeRecord& record, const VolumeSpec& spec) override;
  absl::Status Copy(const CopySource& source, int object, bool read_only) override;
  [[nodiscard]] absl::Status CheckLiveCopy() const override;
  absl::Status ApplySize(int object, const v1::VolumeRecord& record) override;
  absl::Status PrepareGrowth(int object, const v1::VolumeRecord& record) override;
  absl::Status SyncContent(int object) override;
  absl::StatusOr<int64_t> WrittenBytes(int object) override;

  absl::StatusOr<UniqueFd> OpenMount(int object, const v1::VolumeRecord& record,
                                     const MountFlags& flags) override;
  absl::StatusOr<host::LoopDevice> AttachDevice(int object, const v1::VolumeRecord& record,
                                                bool read_only) override;
  absl::StatusOr<bool> Owns(int object, const v1::VolumeRecord& record, int fd) override;
  absl::StatusOr<VolumeUsage> Usage(int object, const v1::VolumeRecord& record, int fd) override;
  absl::Status Flush(const v1::VolumeRecord& record, int fd) override;
  std::vector<HealthCondition> HealthInUse(int object, const v1::VolumeRecord& record,
                                           int fd) override;
  absl::Status CheckUnused(int object) override;
  absl::Status ApplyAttributesInUse(const v1::VolumeRecord& record, int fd) override;
  absl::Status GrowInUse(int object, const v1::VolumeRecord& record, int fd) override;

 private:
  const Pool& pool_;
  InodeCounter inodes_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_SUBVOLUME_BACKEND_H_

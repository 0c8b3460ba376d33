// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_IMAGE_BACKEND_H_
#define NODEVOL_STORAGE_IMAGE_BACKEND_H_

#include "storage/backend.h"
#include "storage/pool.h"

namespace nodevol::storage {

// Volumes as image files behind loop devices: with a filesystem inside, or raw. The file's size is
// the limit. On btrfs each image has a subvolume of its own, so that a copy is a subvolume snapshot
// in constant time; elsewhere copies share extents (FICLONE) or, without that, are sparse copies.
class ImageBackend : public Backend {
 public:
  // The pool must outlive the backend.
  explicit ImageBackend(const Pool& pool) : pool_(pool) {}

  absl::Status Describe(const VolumeSpec& spec, v1::VolumeRecord& record) override;
  absl::Status Create(int object, const v1::VolumeRecord& record, const VolumeSpec& spec) override;
  absl::Status Copy(const CopySource& source, const CopyTarget& target) override;
  [[nodiscard]] absl::Status CheckLiveCopy() const override;
  absl::Status ApplySize(int object, const v1::VolumeRecord& record) override;
  absl::Status PrepareGrowth(int object, const v1::VolumeRecord& record) override;
  absl::Status SyncContent(int object) override;
  absl::StatusOr<int64_t> WrittenBytes(int object, const v1::DirectoryContent& directory) override;

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
  // Makes the file (and on btrfs its subvolume) in an empty object.
  absl::StatusOr<UniqueFd> NewImage(int object, bool thick) const;
  absl::StatusOr<UniqueFd> AttachAndMount(int image, const v1::VolumeRecord& record,
                                          const MountFlags& flags) const;

  const Pool& pool_;
};

// The image of an object, wherever its pool's filesystem has it.
absl::StatusOr<UniqueFd> OpenImage(int object, int flags);

// The device number of the loop device at or beneath `fd`: a device node, or the root of a mounted
// filesystem. nullopt when there is none.
absl::StatusOr<std::optional<int>> LoopBeneath(int fd);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_IMAGE_BACKEND_H_

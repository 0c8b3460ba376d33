// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_DIRECTORY_BACKEND_H_
#define NODEVOL_STORAGE_DIRECTORY_BACKEND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "storage/backend.h"
#include "storage/pool.h"

namespace nodevol::storage {

// What directory volumes of all filesystems have in common: the content is the directory `data`,
// which a pod gets as a bind mount. What limits its size is the derived class's.
class DirectoryBackend : public Backend {
 public:
  absl::Status PrepareGrowth(int object, const v1::VolumeRecord& record) override;
  absl::StatusOr<UniqueFd> OpenMount(int object, const v1::VolumeRecord& record,
                                     const MountFlags& flags) override;
  absl::StatusOr<host::LoopDevice> AttachDevice(int object, const v1::VolumeRecord& record,
                                                bool read_only) override;
  absl::StatusOr<bool> Owns(int object, const v1::VolumeRecord& record, int fd) override;
  absl::Status Flush(const v1::VolumeRecord& record, int fd) override;
  absl::Status CheckUnused(int object) override;
  absl::Status ApplyAttributesInUse(const v1::VolumeRecord& record, int fd) override;
  absl::Status GrowInUse(int object, const v1::VolumeRecord& record, int fd) override;

 protected:
  // The pool must outlive the backend.
  explicit DirectoryBackend(const Pool& pool) : pool_(pool) {}

  [[nodiscard]] const Pool& pool() const { return pool_; }
  // Gives the new directory `data` the owner and mode that the class asks for.
  static absl::Status SetUpRoot(int data, const RootDirectory& root);
  // DEGRADED: the volume in use can grow beyond its size.
  static std::vector<HealthCondition> QuotaMissing(std::string why);
  // The figures of a volume that has used so many bytes; inodes are left to the caller.
  [[nodiscard]] absl::StatusOr<VolumeUsage> UsageOf(const v1::VolumeRecord& record,
                                                    int64_t used_bytes) const;

 private:
  const Pool& pool_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_DIRECTORY_BACKEND_H_

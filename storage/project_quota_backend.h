// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_PROJECT_QUOTA_BACKEND_H_
#define NODEVOL_STORAGE_PROJECT_QUOTA_BACKEND_H_

#include "storage/directory_backend.h"
#include "storage/project_ids.h"

namespace nodevol::storage {

// Directory volumes on XFS and ext4: a directory `data` with a project of its own, whose quota is
// the limit of bytes and, where the volume has one, of inodes. Copies are copies of the tree, each
// with its own project, and made only while nobody uses the source.
class ProjectQuotaBackend : public DirectoryBackend {
 public:
  // The pool must outlive the backend and enforce project quotas.
  explicit ProjectQuotaBackend(Pool& pool) : DirectoryBackend(pool), ids_(pool) {}

  absl::Status Describe(const VolumeSpec& spec, v1::VolumeRecord& record) override;
  absl::Status DescribeSnapshot(const v1::VolumeRecord& source,
                                v1::SnapshotRecord& snapshot) override;
  absl::Status Create(int object, const v1::VolumeRecord& record, const VolumeSpec& spec) override;
  absl::Status Copy(const CopySource& source, const CopyTarget& target) override;
  [[nodiscard]] absl::Status CheckLiveCopy() const override;
  // Also puts right, and logs, what somebody did to the project of the directory itself.
  absl::Status ApplySize(int object, const v1::VolumeRecord& record) override;
  absl::Status SyncContent(int object) override;
  absl::StatusOr<int64_t> WrittenBytes(int object, const v1::DirectoryContent& directory) override;
  absl::StatusOr<VolumeUsage> Usage(int object, const v1::VolumeRecord& record, int fd) override;
  std::vector<HealthCondition> HealthInUse(int object, const v1::VolumeRecord& record,
                                           int fd) override;

 private:
  absl::StatusOr<v1::DirectoryContent> NewDirectory();

  ProjectIds ids_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_PROJECT_QUOTA_BACKEND_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_MEMORY_STORAGE_H_
#define NODEVOL_TEST_SUPPORT_MEMORY_STORAGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "storage/catalog.h"
#include "storage/inventory.h"
#include "storage/node_storage.h"

namespace nodevol::testing {

// A node's disks in memory, with one pool: for tests of what talks to a node, and for nodes that
// are only simulated. It has volumes and snapshots; what it has not is UNIMPLEMENTED. It answers at
// once, on the caller's thread. Thread-safe.
class MemoryStorage : public storage::NodeStorage, public storage::Inventory {
 public:
  struct Options {
    std::string node_id = "node-1";
    std::string pool_uuid = "0123456789abcdef0123456789abcdef";
    uint64_t epoch = 7;
    int64_t bytes = int64_t{1} << 40;
  };
  explicit MemoryStorage(Options options);

  // For tests: what happens to the disks by other hands.
  void Put(const std::string& name);
  void Erase(const std::string& name);
  // The pool is opened anew, and has these volumes.
  void ReplaceAll(const std::vector<std::string>& names);
  [[nodiscard]] storage::VolumeId IdOf(const std::string& name) const;

  // ---- storage::NodeStorage ----
  [[nodiscard]] const std::string& node_id() const override { return options_.node_id; }
  void CreateVolume(const storage::OperationContext& context, const v1::VolumeRequest& request,
                    Callback<storage::VolumePtr> done) override;
  void DeleteVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                    StatusCallback done) override;
  void ExpandVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                    const v1::CapacityRange& range,
                    Callback<storage::ExpandedVolume> done) override;
  void ModifyVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                    const google::protobuf::Map<std::string, std::string>& parameters,
                    Callback<storage::VolumePtr> done) override;
  void PublishVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                     const v1::ControllerPublication& publication,
                     Callback<storage::VolumePtr> done) override;
  void UnpublishVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                       const std::string& node_id, StatusCallback done) override;
  void CreateSnapshot(const storage::OperationContext& context, const v1::SnapshotRequest& request,
                      Callback<storage::SnapshotPtr> done) override;
  void DeleteSnapshot(const storage::OperationContext& context, const storage::SnapshotId& id,
                      StatusCallback done) override;
  void ListBlocks(const storage::OperationContext& context, const storage::BlockQuery& query,
                  Callback<storage::BlockPage> done) override;
  void CreateGroupSnapshot(const storage::OperationContext& context,
                           const v1::GroupSnapshotRequest& request,
                           Callback<storage::GroupSnapshot> done) override;
  void DeleteGroupSnapshot(const storage::OperationContext& context, const storage::GroupId& id,
                           const std::vector<std::string>& snapshot_ids,
                           StatusCallback done) override;
  absl::StatusOr<storage::VolumePtr> GetVolume(const storage::VolumeId& id) const override;
  absl::StatusOr<storage::SnapshotPtr> GetSnapshot(const storage::SnapshotId& id) const override;
  absl::StatusOr<storage::VolumeHealth> GetVolumeHealth(const storage::VolumeId& id) const override;
  storage::Page<storage::VolumeHealth> ListVolumeHealth(
      const storage::ListQuery& query) const override;
  absl::StatusOr<storage::GroupSnapshot> GetGroupSnapshot(
      const storage::GroupId& id) const override;
  [[nodiscard]] storage::VolumePtr FindVolume(const std::string& name) const override;
  storage::Page<storage::VolumePtr> ListVolumes(const storage::ListQuery& query) const override;
  storage::Page<storage::SnapshotPtr> ListSnapshots(
      const storage::ListQuery& query, const std::string& source_volume_id) const override;
  absl::StatusOr<storage::Capacity> GetCapacity(const storage::CapacityQuery& query) const override;

  // ---- storage::Inventory ----
  [[nodiscard]] std::vector<v1::PoolReport> Pools() const override;
  [[nodiscard]] std::vector<std::string> ObjectIds(storage::ObjectKind kind,
                                                   absl::string_view pool_uuid,
                                                   absl::string_view after,
                                                   size_t limit) const override;
  [[nodiscard]] v1::ObjectState StateOf(storage::ObjectKind kind,
                                        absl::string_view id) const override;
  [[nodiscard]] storage::ChangeFeed& changes() override { return changes_; }

 private:
  [[nodiscard]] std::shared_ptr<storage::Catalog> catalog() const;
  absl::StatusOr<storage::VolumePtr> Make(const v1::VolumeRequest& request);
  // Changes one volume's record.
  template <typename Change>
  absl::StatusOr<storage::VolumePtr> Update(const storage::VolumeId& id, const Change& change);

  const Options options_;
  storage::ChangeFeed changes_;
  // Held by each change from its first look on.
  absl::Mutex change_mutex_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<storage::Catalog> catalog_ ABSL_GUARDED_BY(mutex_);
  int64_t used_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t made_ ABSL_GUARDED_BY(mutex_) = 0;  // volumes; each was made a second after the last
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_MEMORY_STORAGE_H_

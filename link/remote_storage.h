// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_REMOTE_STORAGE_H_
#define NODEVOL_LINK_REMOTE_STORAGE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "link/node_connection.h"
#include "link/remote_pools.h"
#include "storage/node_storage.h"

namespace nodevol::link {

// NodeStorage of another node: changes are commands over its stream, questions are answered from
// the copy of its inventory. What an operation answered is in the copy already. While the node is
// away the copy goes on answering, and changes are UNAVAILABLE.
//
// A node speaks for itself only. It is INTERNAL when it answers with something else than what it
// was asked for, UNAVAILABLE when with something in a pool that it has not told of. Thread-safe.
class RemoteStorage final : public storage::NodeStorage {
 public:
  explicit RemoteStorage(std::string node_id) : node_id_(std::move(node_id)) {}

  [[nodiscard]] RemotePools& pools() { return pools_; }
  [[nodiscard]] const RemotePools& pools() const { return pools_; }

  // From now on commands go this way, and pools() hears this stream only.
  void Connect(std::shared_ptr<NodeConnection> connection);
  // Unless another has come in its place.
  void Disconnect(const NodeConnection& connection);
  // Null while the node is away.
  [[nodiscard]] std::shared_ptr<NodeConnection> connection() const;

  [[nodiscard]] const std::string& node_id() const override { return node_id_; }
  void CreateVolume(const storage::OperationContext& context,
                    const nodevol::v1::VolumeRequest& request,
                    Callback<storage::VolumePtr> done) override;
  void DeleteVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                    StatusCallback done) override;
  void ExpandVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                    const nodevol::v1::CapacityRange& range,
                    Callback<storage::ExpandedVolume> done) override;
  void ModifyVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                    const google::protobuf::Map<std::string, std::string>& parameters,
                    Callback<storage::VolumePtr> done) override;
  void PublishVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                     const nodevol::v1::ControllerPublication& publication,
                     Callback<storage::VolumePtr> done) override;
  void UnpublishVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                       const std::string& node_id, StatusCallback done) override;
  void CreateSnapshot(const storage::OperationContext& context,
                      const nodevol::v1::SnapshotRequest& request,
                      Callback<storage::SnapshotPtr> done) override;
  void DeleteSnapshot(const storage::OperationContext& context, const storage::SnapshotId& id,
                      StatusCallback done) override;
  void ListBlocks(const storage::OperationContext& context, const storage::BlockQuery& query,
                  Callback<storage::BlockPage> done) override;
  void CreateGroupSnapshot(const storage::OperationContext& context,
                           const nodevol::v1::GroupSnapshotRequest& request,
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

 private:
  // Whether an answer is one to what was asked.
  template <typename T>
  using Check = std::function<absl::Status(const T&)>;

  // An answer is passed on when `check` has nothing against it. The stream of the connection must
  // not outlive this.
  template <typename T>
  void Send(const storage::OperationContext& context, v1::Command command, Callback<T> done,
            Check<T> check);
  void SendForStatus(const storage::OperationContext& context, v1::Command command,
                     StatusCallback done);
  // OK when the id is of one of the node's pools, and of a name with this hash.
  [[nodiscard]] absl::Status CheckOwn(const std::string& id, absl::string_view name_hash) const;
  [[nodiscard]] absl::Status CheckOwnPool(const std::string& id) const;
  [[nodiscard]] absl::Status CheckGroup(const storage::GroupSnapshot& group,
                                        absl::string_view name_hash) const;
  // The epoch in which the pool of an object is known; 0 when it is not.
  template <typename Id>
  [[nodiscard]] uint64_t EpochOf(const Id& id) const;
  // What was found in the copy; UNAVAILABLE where there is none, and the node may have made it
  // since: it is away, or telling all that it has anew.
  template <typename T>
  absl::StatusOr<T> OrNotKnown(absl::StatusOr<T> found) const;
  // NOT_FOUND when the node has no such pool; UNAVAILABLE when that is not known.
  template <typename Id>
  absl::StatusOr<RemotePool> PoolOf(const Id& id) const;

  const std::string node_id_;
  RemotePools pools_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<NodeConnection> connection_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_REMOTE_STORAGE_H_

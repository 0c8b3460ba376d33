// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_NODE_STORAGE_H_
#define NODEVOL_STORAGE_NODE_STORAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "base/callback.h"
#include "proto/storage.pb.h"
#include "storage/block_ranges.h"
#include "storage/health.h"
#include "storage/ids.h"

namespace nodevol::storage {

using VolumePtr = std::shared_ptr<const v1::VolumeRecord>;
using SnapshotPtr = std::shared_ptr<const v1::SnapshotRecord>;
using GroupPtr = std::shared_ptr<const v1::GroupSnapshotRecord>;

// A group snapshot with its members, in the order of its record.
struct GroupSnapshot {
  GroupPtr group;
  std::vector<SnapshotPtr> members;
};

// Who waits for an operation, and for how long.
struct OperationContext {
  // True once the caller has gone or its deadline has passed. May be called on any thread until the
  // operation's callback has been called.
  std::function<bool()> abandoned = [] { return false; };
  // How long it waits, from the call on.
  absl::Duration timeout = absl::InfiniteDuration();
};

struct ExpandedVolume {
  VolumePtr volume;
  // The filesystem inside must be grown where the volume is used (NodeExpandVolume).
  bool node_expansion_required = false;
};

struct CapacityQuery {
  google::protobuf::Map<std::string, std::string> parameters;
  std::vector<v1::VolumeCapability> capabilities;
};

// In bytes; never negative.
struct Capacity {
  int64_t available = 0;
  int64_t maximum_volume = 0;  // the largest volume that fits now
  int64_t minimum_volume = 0;
};

// A page of a list that is ordered by id.
struct ListQuery {
  std::string after;  // the last id of the page before; "" for the first
  size_t limit = 0;   // 0: all
};

// What is wrong with a volume; nothing when all is well.
struct VolumeHealth {
  std::string volume_id;
  std::vector<HealthCondition> conditions;
};

template <typename Pointer>
struct Page {
  std::vector<Pointer> entries;
  bool more = false;
};

// What is asked about the blocks of a snapshot.
struct BlockQuery {
  SnapshotPtr target;  // as GetSnapshot gave it
  // An older one of the same volume, to tell what differs from it; null: what is allocated.
  SnapshotPtr base;
  int64_t offset = 0;  // where to begin; at most the target's size
  size_t limit = 1;    // ranges of a page; 0 is taken for 1
};

// Everything that can be asked of one node's disks. Asking is answered from memory, on the caller's
// thread. Changes, and what needs the disk, answer through their callback, once, on some other
// thread or on the caller's.
//
// Codes that all changes share: ABORTED while another operation on the same volume or name is under
// way; UNAVAILABLE when the pool can't be used now or the node is overloaded; INTERNAL for trouble
// with the disk. What a failed change began is undone.
class NodeStorage {
 public:
  virtual ~NodeStorage() = default;

  [[nodiscard]] virtual const std::string& node_id() const = 0;

  // Makes a volume, or finds the one that an equal request made. ALREADY_EXISTS when the name is
  // taken by another; NOT_FOUND when the source does not exist; RESOURCE_EXHAUSTED when no pool has
  // room or can hold such a volume; OUT_OF_RANGE when no size fits; INVALID_ARGUMENT;
  // FAILED_PRECONDITION when the source is in use and can't be copied so.
  virtual void CreateVolume(const OperationContext& context, const v1::VolumeRequest& request,
                            Callback<VolumePtr> done) = 0;
  // OK also when there is none. FAILED_PRECONDITION while it is in use on the node or published by
  // the controller.
  virtual void DeleteVolume(const OperationContext& context, const VolumeId& id,
                            StatusCallback done) = 0;
  // Grows a volume to at least range.required_bytes; OK when it is that large. NOT_FOUND;
  // OUT_OF_RANGE when it can't be, for want of space too.
  virtual void ExpandVolume(const OperationContext& context, const VolumeId& id,
                            const v1::CapacityRange& range, Callback<ExpandedVolume> done) = 0;
  // Changes what can be changed (VolumeAttributesClass). NOT_FOUND; INVALID_ARGUMENT, and nothing
  // is changed, for a key that is none, a bad value, or what this volume can't have.
  virtual void ModifyVolume(const OperationContext& context, const VolumeId& id,
                            const google::protobuf::Map<std::string, std::string>& parameters,
                            Callback<VolumePtr> done) = 0;
  // Records that the controller has published the volume to a node, or that it no longer has.
  // NOT_FOUND; ALREADY_EXISTS when it is published there in another way; FAILED_PRECONDITION when
  // it is published to another node.
  virtual void PublishVolume(const OperationContext& context, const VolumeId& id,
                             const v1::ControllerPublication& publication,
                             Callback<VolumePtr> done) = 0;
  // An empty node means all. OK when it is not published there, or does not exist.
  virtual void UnpublishVolume(const OperationContext& context, const VolumeId& id,
                               const std::string& node_id, StatusCallback done) = 0;

  // Cuts a snapshot, or finds the one of that name. ALREADY_EXISTS when the name is another
  // volume's snapshot; NOT_FOUND; RESOURCE_EXHAUSTED; FAILED_PRECONDITION when it would be no point
  // in time.
  virtual void CreateSnapshot(const OperationContext& context, const v1::SnapshotRequest& request,
                              Callback<SnapshotPtr> done) = 0;
  // OK also when there is none. INVALID_ARGUMENT for a member of a group snapshot.
  virtual void DeleteSnapshot(const OperationContext& context, const SnapshotId& id,
                              StatusCallback done) = 0;

  // A page of the blocks that a snapshot has or that differ from another's (changed_blocks.h),
  // clamped to the target's size. The first range may have begun before the offset, where its block
  // does. Pages keep nothing between them: who wants no more does not ask.
  //
  // NOT_FOUND once one of the snapshots is deleted, also when its name is taken by a new one;
  // FAILED_PRECONDITION, with the remedy, for directories, and for differences where files don't
  // share blocks; INVALID_ARGUMENT for snapshots in different pools; CANCELLED when abandoned.
  virtual void ListBlocks(const OperationContext& context, const BlockQuery& query,
                          Callback<BlockPage> done) = 0;

  // Cuts snapshots of several volumes at one instant, all or none, or finds the group of that name.
  // ALREADY_EXISTS when the name is a group's of other volumes or parameters; NOT_FOUND for a
  // volume that does not exist; RESOURCE_EXHAUSTED; FAILED_PRECONDITION when it would be no one
  // point in time; INVALID_ARGUMENT; UNAVAILABLE also when the copies took longer than volumes may
  // be kept frozen; CANCELLED.
  virtual void CreateGroupSnapshot(const OperationContext& context,
                                   const v1::GroupSnapshotRequest& request,
                                   Callback<GroupSnapshot> done) = 0;
  // Deletes the group and its members. OK also when there is none; INVALID_ARGUMENT when its
  // members are others than `snapshot_ids`.
  virtual void DeleteGroupSnapshot(const OperationContext& context, const GroupId& id,
                                   const std::vector<std::string>& snapshot_ids,
                                   StatusCallback done) = 0;

  // NOT_FOUND; INTERNAL when its record is damaged.
  virtual absl::StatusOr<VolumePtr> GetVolume(const VolumeId& id) const = 0;
  virtual absl::StatusOr<SnapshotPtr> GetSnapshot(const SnapshotId& id) const = 0;
  // NOT_FOUND. Volumes with a damaged record have one too.
  virtual absl::StatusOr<VolumeHealth> GetVolumeHealth(const VolumeId& id) const = 0;
  // Those of the volumes with which something is wrong.
  virtual Page<VolumeHealth> ListVolumeHealth(const ListQuery& query) const = 0;
  // NOT_FOUND; INTERNAL when its record, or a member, is damaged or missing.
  virtual absl::StatusOr<GroupSnapshot> GetGroupSnapshot(const GroupId& id) const = 0;
  // Null when there is none of that name.
  [[nodiscard]] virtual VolumePtr FindVolume(const std::string& name) const = 0;
  virtual Page<VolumePtr> ListVolumes(const ListQuery& query) const = 0;
  // An empty source means all.
  virtual Page<SnapshotPtr> ListSnapshots(const ListQuery& query,
                                          const std::string& source_volume_id) const = 0;
  // INVALID_ARGUMENT for parameters that no volume can have.
  virtual absl::StatusOr<Capacity> GetCapacity(const CapacityQuery& query) const = 0;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_NODE_STORAGE_H_

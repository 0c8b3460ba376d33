// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_ENGINE_H_
#define NODEVOL_STORAGE_ENGINE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/executor.h"
#include "base/periodic_thread.h"
#include "base/unique_fd.h"
#include "base/visits.h"
#include "storage/backend.h"
#include "storage/catalog.h"
#include "storage/change_feed.h"
#include "storage/group_members.h"
#include "storage/ids.h"
#include "storage/kept_volumes.h"
#include "storage/ledger.h"
#include "storage/mount_index.h"
#include "storage/node_storage.h"
#include "storage/pool.h"
#include "storage/project_scrubber.h"
#include "storage/recovery.h"
#include "storage/volume_spec.h"

namespace nodevol::storage {

class Engine;
class Recovery;

// The object that a new volume's content comes from.
struct ContentOrigin {
  std::shared_ptr<Engine> engine;  // whose pool it is in
  VolumePtr volume;                // either this
  SnapshotPtr snapshot;            // or this
  int64_t size_bytes = 0;
};

// How a volume is used now.
struct VolumeUse {
  bool in_use = false;  // somebody may write to it
  // One of its mounts, O_PATH; none when it is used where this driver does not see it. One is
  // enough: all mounts of a volume are views of one filesystem or device.
  UniqueFd mounted;
};

// A volume that is about to be made: everything decided, the space reserved.
struct CreateVolumePlan {
  VolumeId id;
  v1::VolumeRequest request;
  VolumeSpec spec;
  int64_t size_bytes = 0;
  std::optional<ContentOrigin> origin;
  Ledger::Reservation reservation;
  // Of an inline volume: whose it is.
  std::optional<v1::EphemeralVolume> ephemeral = std::nullopt;
};

// What can be done in one pool: the operations on its volumes and snapshots, its index of them, its
// workers. Operations block on the disk; they run on the pool's own executors, so that a disk that
// hangs stalls only itself. Callers hold the lock of the volume or snapshot that they name.
class Engine {
 public:
  // Opens the pool and recovers it: what a crash left is finished or undone before this returns.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(const PoolOptions& options,
                                                      RecordTrust trust = RecordTrust::kDurable);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Pool& pool() { return *pool_; }
  const Pool& pool() const { return *pool_; }
  const Catalog& catalog() const { return catalog_; }
  const ObjectIndex<v1::VolumeRecord>& volumes() const { return catalog_.volumes; }
  const ObjectIndex<v1::SnapshotRecord>& snapshots() const { return catalog_.snapshots; }
  const ObjectIndex<v1::GroupSnapshotRecord>& groups() const { return catalog_.groups; }
  // Tells the feed, which must outlive the engine, of each change from now on.
  void ReportTo(ChangeFeed& feed) { catalog_.ReportTo(feed); }
  // A member is undecided in snapshots() until AdmitMember().
  GroupMembers& members() { return members_; }
  const KeptVolumes& kept() const { return kept_; }
  MountIndex& mounts() { return mounts_; }
  const MountIndex& mounts() const { return mounts_; }
  // Files of volumes that were found outside their limit since the pool was opened.
  [[nodiscard]] int64_t ProjectEscapes() const;

  // Short work, and work that copies, formats or walks.
  Executor& fast() { return fast_; }
  Executor& bulk() { return bulk_; }

  // OK while the pool can be worked on; UNAVAILABLE, with the reason, when its disk has failed or
  // gives no answer. From memory.
  [[nodiscard]] absl::Status Availability() const;
  // Its disk gives no answer: what works on it hangs, and so would whatever came next.
  [[nodiscard]] bool Hangs() const;
  // Ends the work on a faulted pool and gives its disk back; from then on there are answers from
  // memory only. Returns false, to be called again, while something still runs.
  bool Retire();
  // Begins no more work and waits until what runs has ended, at most `timeout`. Returns false when
  // some still runs.
  bool Drain(absl::Duration timeout);
  // For work on this pool that does not run on its own executors: it is neither drained nor retired
  // while the visit lasts. UNAVAILABLE once that has begun.
  absl::StatusOr<Visits::Visit> BeginVisit();

  // What a new volume becomes here (pool_offer.h).
  [[nodiscard]] BackendChoice Resolve(const VolumeSpec& spec) const;
  // The backend for a new volume; null when this pool has none that serves.
  Backend* BackendFor(const VolumeSpec& spec);
  // What a new volume of this spec would be here: content and attributes of its record. The pool
  // has a backend for it.
  absl::StatusOr<v1::VolumeRecord> Outline(const VolumeSpec& spec) const;
  // The backend of a volume or snapshot that exists.
  template <typename Record>
  Backend& BackendOf(const Record& record) {
    return record.has_directory() ? *directory_ : *image_;
  }
  // The promise of an object in the ledger.
  static std::string LedgerKey(const VolumeId& id);
  static std::string LedgerKey(const SnapshotId& id);
  static std::string LedgerKey(const TrashName& name);

  absl::StatusOr<VolumePtr> CreateVolume(const OperationContext& context, CreateVolumePlan plan);
  absl::Status DeleteVolume(const VolumeId& id);
  absl::StatusOr<ExpandedVolume> ExpandVolume(const VolumeId& id, const v1::CapacityRange& range);
  // Brings a deleted volume back, as it was. NOT_FOUND when it is not kept; ALREADY_EXISTS when
  // there is one of its id.
  absl::StatusOr<VolumePtr> UndeleteVolume(const VolumeId& id);
  absl::StatusOr<VolumePtr> ModifyVolume(
      const VolumeId& id, const google::protobuf::Map<std::string, std::string>& parameters);
  absl::StatusOr<VolumePtr> PublishVolume(const VolumeId& id,
                                          const v1::ControllerPublication& publication);
  absl::Status UnpublishVolume(const VolumeId& id, const std::string& node_id);
  absl::StatusOr<SnapshotPtr> CreateSnapshot(const SnapshotId& id,
                                             const v1::SnapshotRequest& request,
                                             const VolumeId& source);
  // INVALID_ARGUMENT for a member of a group.
  absl::Status DeleteSnapshot(const SnapshotId& id);

  // What is wrong with a volume in use, as its mount and its backend show it now.
  std::vector<HealthCondition> Examine(const v1::VolumeRecord& volume);
  // Group snapshots. Whether a member exists, the record of its group says, which may be in another
  // pool. Callers hold the lock of the group, and a visit when they are no worker of this pool.

  // Takes the member's object, which is there already, into account.
  void PutMember(SnapshotPtr member);
  void AdmitMember(const SnapshotPtr& member);
  // Removes a member whose group does not exist; until that succeeds it is undecided.
  absl::Status DropMember(const SnapshotPtr& member);
  // Makes the group exist, and so its members.
  absl::Status CommitGroup(GroupPtr group);
  // Makes it exist no more. Its members are left to the caller.
  absl::Status DeleteGroup(const GroupId& id);

  // The directory of a volume. The pool has passed its guard.
  absl::StatusOr<UniqueFd> OpenVolume(const VolumeId& id);
  // Where the volume is mounted now; entries of the index that no longer hold are dropped.
  absl::StatusOr<std::vector<VolumeMount>> LiveMounts(int object, const v1::VolumeRecord& record);
  // What is at `path` when it is a mount of this volume; nullopt otherwise, also when nothing is.
  absl::StatusOr<std::optional<UniqueFd>> OpenMountOf(int object, const v1::VolumeRecord& record,
                                                      const std::string& path);
  absl::StatusOr<VolumeUse> UseOf(int object, const v1::VolumeRecord& record);

 private:
  explicit Engine(std::unique_ptr<Pool> pool);

  void OnMonitor();
  void OnReap();
  void MeasureVolumes();
  void ExamineUsedVolumes();
  void Measure(const v1::VolumeRecord& record);
  absl::StatusOr<int64_t> WrittenBytesOf(int parent, const std::string& name,
                                         const v1::VolumeRecord& record);
  // Every change ends here: the space is looked at anew, and the pool faulted if its disk has
  // failed.
  template <typename Result>
  Result Finish(Result result);

  // engine_volumes.cc
  absl::StatusOr<VolumePtr> DoCreateVolume(const OperationContext& context, CreateVolumePlan& plan);
  absl::Status MakeContent(const CreateVolumePlan& plan, int object, v1::VolumeRecord& record);
  absl::Status DoDeleteVolume(const VolumeId& id);
  absl::Status CheckNotInUse(int object, const v1::VolumeRecord& record);
  absl::StatusOr<ExpandedVolume> DoExpandVolume(const VolumeId& id, const v1::CapacityRange& range);
  absl::Status Grow(int object, const v1::VolumeRecord& before, const v1::VolumeRecord& after);
  absl::StatusOr<VolumePtr> DoModifyVolume(
      const VolumeId& id, const google::protobuf::Map<std::string, std::string>& parameters);
  // Changes the record first, then what it says; puts it back when `apply` fails. A crash between
  // the two leaves a record that recovery and the next stage fulfil.
  absl::Status Promise(int object, const v1::VolumeRecord& before, const v1::VolumeRecord& after,
                       absl::FunctionRef<absl::Status(const v1::VolumeRecord&)> apply);
  absl::StatusOr<VolumePtr> DoPublishVolume(const VolumeId& id,
                                            const v1::ControllerPublication& publication);
  absl::Status DoUnpublishVolume(const VolumeId& id, const std::string& node_id);
  absl::StatusOr<VolumePtr> ReplaceVolumeRecord(int object, v1::VolumeRecord record);
  // engine_trash.cc
  absl::Status MoveVolumeToTrash(const VolumeId& id, const VolumePtr& record);
  // Gives deleted volumes up, the first deleted first, until what was promised fits. Called after
  // each promise, and when the disk fills up otherwise.
  void MakeRoom();
  // Returns how many bytes that frees.
  int64_t RemoveKept(const KeptVolume& volume);
  absl::StatusOr<VolumePtr> DoUndeleteVolume(const VolumeId& id);
  // engine_snapshots.cc
  absl::StatusOr<SnapshotPtr> DoCreateSnapshot(const SnapshotId& id,
                                               const v1::SnapshotRequest& request,
                                               const VolumeId& source);
  absl::Status DoDeleteSnapshot(const SnapshotId& id);
  // engine_groups.cc
  absl::Status DoDropMember(const SnapshotPtr& member);
  absl::Status DoCommitGroup(GroupPtr group);
  absl::Status DoDeleteGroup(const GroupId& id);
  // Copies the content of a volume, which may be in use, or of a snapshot into a staged object.
  absl::Status CopyVolume(Engine& from, const v1::VolumeRecord& source, const CopyTarget& target);
  absl::Status CopySnapshot(Engine& from, const v1::SnapshotRecord& source,
                            const CopyTarget& target);

  friend class Recovery;
  friend class SnapshotCut;

  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Backend> image_;
  std::unique_ptr<Backend> directory_;  // null where the pool can't limit directories
  Catalog catalog_;
  GroupMembers members_;
  KeptVolumes kept_;
  absl::Mutex room_mutex_;
  MountIndex mounts_;
  Executor fast_;
  Executor bulk_;
  Visits visits_;
  // MonotonicNow() at which the disk was last asked and has not answered yet; 0 when it has.
  std::atomic<int64_t> asked_disk_at_ = 0;
  std::atomic<bool> reap_again_ = false;  // the trash could not be emptied
  // The reaper's alone.
  absl::Status last_reap_;
  absl::Duration next_measurement_ = absl::ZeroDuration();
  absl::Duration next_quota_sweep_ = absl::ZeroDuration();
  // Last: they use the rest, and end first.
  std::unique_ptr<PeriodicThread> reaper_;
  std::unique_ptr<ProjectScrubber> scrubber_;  // null without project quotas
  std::unique_ptr<PeriodicThread> monitor_;    // kicks the reaper
};

template <typename Result>
Result Engine::Finish(Result result) {
  if constexpr (std::is_same_v<Result, absl::Status>) {
    pool_->FaultOnDiskError(result);
  } else {
    pool_->FaultOnDiskError(result.status());
  }
  if (pool_->fault().ok()) pool_->RefreshSpace().IgnoreError();
  return result;
}

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_ENGINE_H_

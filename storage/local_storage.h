// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_LOCAL_STORAGE_H_
#define NODEVOL_STORAGE_LOCAL_STORAGE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/callback.h"
#include "base/keyed_mutex.h"
#include "base/post_call.h"
#include "storage/directory_limit.h"
#include "storage/engine.h"
#include "storage/group_creation.h"
#include "storage/inspection.h"
#include "storage/inventory.h"
#include "storage/node_storage.h"
#include "storage/placement.h"
#include "storage/pool_keeper.h"

namespace nodevol::storage {

// A volume as the node service works on it: its lock held, its directory open.
struct LocalVolume {
  Engine& engine;
  VolumePtr record;
  UniqueFd object;

  [[nodiscard]] Backend& backend() const { return engine.BackendOf(*record); }
};

// A deleted volume that can still be had back.
struct DeletedVolume {
  VolumePtr volume;
  std::string pool;
  absl::Time deleted;
  absl::Time until;  // unless its room is needed before
};

struct PoolStatistics {
  std::string name;
  std::string path;
  // Why it can't be used; OK when it can.
  absl::Status state;
  // The rest is as it was when the pool was last open, and empty before that.
  std::string uuid;
  std::string filesystem;
  bool reflink = false;
  DirectoryLimit directories;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
  // By volumes, snapshots and deleted volumes; the rest of what is not free is not the driver's.
  int64_t written_bytes = 0;
  int64_t reserve_missing_bytes = 0;
  int64_t available_bytes = 0;
  int64_t promised_bytes = 0;
  // Of those promised: held by deleted volumes that can be had back, and are given up when needed.
  int64_t kept_bytes = 0;
  size_t kept_volumes = 0;
  size_t volumes = 0;
  size_t snapshots = 0;
  size_t damaged = 0;
  int64_t project_escapes = 0;
};

// NodeStorage on the pools of this machine: chooses the pool, takes the locks, and has the pool's
// workers do the rest. Deciding happens on the caller's thread and in memory only.
class LocalStorage : public NodeStorage, public Inventory {
 public:
  // Opens and recovers the pools. Those that can't be opened, be it all of them, are tried again
  // later: meanwhile the node can end what uses their volumes, and a disk may come late.
  // FAILED_PRECONDITION when another process owns a pool, or two are one.
  static absl::StatusOr<std::unique_ptr<LocalStorage>> Open(std::string node_id,
                                                            const std::vector<PoolOptions>& pools);
  // Finishes what was accepted.
  ~LocalStorage() override;

  [[nodiscard]] const std::string& node_id() const override { return node_id_; }
  void CreateVolume(const OperationContext& context, const v1::VolumeRequest& request,
                    Callback<VolumePtr> done) override;
  void DeleteVolume(const OperationContext& context, const VolumeId& id,
                    StatusCallback done) override;
  void ExpandVolume(const OperationContext& context, const VolumeId& id,
                    const v1::CapacityRange& range, Callback<ExpandedVolume> done) override;
  void ModifyVolume(const OperationContext& context, const VolumeId& id,
                    const google::protobuf::Map<std::string, std::string>& parameters,
                    Callback<VolumePtr> done) override;
  void PublishVolume(const OperationContext& context, const VolumeId& id,
                     const v1::ControllerPublication& publication,
                     Callback<VolumePtr> done) override;
  void UnpublishVolume(const OperationContext& context, const VolumeId& id,
                       const std::string& node_id, StatusCallback done) override;
  void CreateSnapshot(const OperationContext& context, const v1::SnapshotRequest& request,
                      Callback<SnapshotPtr> done) override;
  void DeleteSnapshot(const OperationContext& context, const SnapshotId& id,
                      StatusCallback done) override;
  void ListBlocks(const OperationContext& context, const BlockQuery& query,
                  Callback<BlockPage> done) override;
  void CreateGroupSnapshot(const OperationContext& context, const v1::GroupSnapshotRequest& request,
                           Callback<GroupSnapshot> done) override;
  void DeleteGroupSnapshot(const OperationContext& context, const GroupId& id,
                           const std::vector<std::string>& snapshot_ids,
                           StatusCallback done) override;
  absl::StatusOr<VolumePtr> GetVolume(const VolumeId& id) const override;
  absl::StatusOr<SnapshotPtr> GetSnapshot(const SnapshotId& id) const override;
  absl::StatusOr<VolumeHealth> GetVolumeHealth(const VolumeId& id) const override;
  Page<VolumeHealth> ListVolumeHealth(const ListQuery& query) const override;
  absl::StatusOr<GroupSnapshot> GetGroupSnapshot(const GroupId& id) const override;
  [[nodiscard]] VolumePtr FindVolume(const std::string& name) const override;
  Page<VolumePtr> ListVolumes(const ListQuery& query) const override;
  Page<SnapshotPtr> ListSnapshots(const ListQuery& query,
                                  const std::string& source_volume_id) const override;
  absl::StatusOr<Capacity> GetCapacity(const CapacityQuery& query) const override;

  [[nodiscard]] std::vector<v1::PoolReport> Pools() const override;
  [[nodiscard]] std::vector<std::string> ObjectIds(ObjectKind kind, absl::string_view pool_uuid,
                                                   absl::string_view after,
                                                   size_t limit) const override;
  [[nodiscard]] v1::ObjectState StateOf(ObjectKind kind, absl::string_view id) const override;
  [[nodiscard]] ChangeFeed& changes() override { return changes_; }

  // Brings a deleted volume back. NOT_FOUND when it is not kept; ALREADY_EXISTS when there is one.
  void UndeleteVolume(const VolumeId& id, Callback<VolumePtr> done);
  // In the order of their deletion, pool by pool.
  [[nodiscard]] std::vector<DeletedVolume> DeletedVolumes() const;

  // What each pool says to this request, in the order of the configuration: CreateVolume without
  // doing it. INVALID_ARGUMENT, NOT_FOUND, ABORTED as there.
  absl::StatusOr<std::vector<PoolVerdict>> JudgePools(const v1::VolumeRequest& request);

  // For the node service: runs `work` on a worker of the volume's pool, alone on that volume when
  // `exclusive`, and answers with its result. NOT_FOUND when there is no such volume.
  template <typename T>
  void WithVolume(const VolumeId& id, bool exclusive,
                  absl::AnyInvocable<absl::StatusOr<T>(LocalVolume&)> work, Callback<T> done);

  // ---- Inline volumes (inline_volumes.cc): made when they are published, deleted when they are
  // unpublished. The CO has its own id for one, and does not manage it: what NodeStorage offers
  // neither shows nor takes them. ----

  using VolumeWork = absl::AnyInvocable<absl::Status(LocalVolume&)>;

  // ABORTED while another operation on this inline volume is under way.
  absl::StatusOr<KeyedMutex::Lock> LockInlineVolume(const std::string& volume_id);
  // By the CO's id. NOT_FOUND; INTERNAL when its record is damaged.
  absl::StatusOr<VolumePtr> FindInlineVolume(const std::string& volume_id) const;
  [[nodiscard]] std::vector<VolumePtr> InlineVolumes() const;
  // True for the id under which an inline volume is in its pool.
  [[nodiscard]] bool IsInlineVolume(const VolumeId& id) const;
  // Runs `mount` on the owner's volume. It is made when there is none, and deleted again when it
  // was made and `mount` fails. Codes as CreateVolume; FAILED_PRECONDITION when the id is in use
  // for another target.
  void PublishInlineVolume(KeyedMutex::Lock lock, const v1::EphemeralVolume& owner,
                           const v1::VolumeRequest& request, VolumeWork mount, StatusCallback done);
  // Runs `work` on one that exists.
  void WithInlineVolume(KeyedMutex::Lock lock, const VolumePtr& volume, VolumeWork work,
                        StatusCallback done);

  // What is wrong with a volume, inline ones too, as its mount shows it now where its pool can be
  // worked on. NOT_FOUND.
  void ExamineVolume(const VolumeId& id, Callback<VolumeHealth> done);

  // True when the text is the id of a volume that can be worked on: of these pools, with a whole
  // record, and its pool's disk is there and has not failed.
  [[nodiscard]] bool Serves(absl::string_view volume_id) const;
  // True when `path` (absolute, without links) is a pool or in one.
  [[nodiscard]] bool IsInPool(absl::string_view path) const;
  // The same of a directory that is open (O_PATH is enough) and called `path`: also by whatever
  // other paths and mounts may lead to the pool.
  [[nodiscard]] absl::StatusOr<bool> IsInPool(int directory, absl::string_view path) const;
  // True also when a pool is in the directory.
  [[nodiscard]] absl::StatusOr<bool> OverlapsPool(int directory, absl::string_view path) const;
  // UNAVAILABLE, with the reason, when a pool can't be used.
  [[nodiscard]] absl::Status CheckReady() const;
  [[nodiscard]] std::vector<PoolStatistics> Statistics() const;
  // What is wrong with each pool with which something is.
  struct PoolHealth {
    std::string pool;
    std::vector<HealthCondition> conditions;
  };
  [[nodiscard]] std::vector<PoolHealth> UnhealthyPools() const;

  // ---- For the administrator (inspection.cc). From memory, but MeasureVolume. ----

  // As ListVolumes, inline volumes too.
  Page<VolumePtr> AllVolumes(const ListQuery& query) const;
  // By its id, its name, or the id that kubelet gave it (inline). NOT_FOUND; INTERNAL when its
  // record is damaged; UNAVAILABLE when its pool was never open.
  absl::StatusOr<VolumePtr> LookUpVolume(const std::string& id_or_name) const;
  [[nodiscard]] VolumeFigures FiguresOf(const v1::VolumeRecord& volume) const;
  // The pool of a snapshot; "" when it is not of this node.
  [[nodiscard]] std::string PoolOf(const v1::SnapshotRecord& snapshot) const;
  [[nodiscard]] std::vector<DamagedObject> DamagedVolumes() const;
  [[nodiscard]] std::vector<DamagedObject> DamagedSnapshots() const;
  // UNAVAILABLE when its pool can't be used.
  void MeasureVolume(const VolumePtr& volume, Callback<MeasuredVolume> done);

  // Takes no more work and waits until what runs has ended, at most `timeout`. Returns false when
  // some still runs.
  bool Drain(absl::Duration timeout);

 private:
  using Locks = std::vector<KeyedMutex::Lock>;

  explicit LocalStorage(std::string node_id) : node_id_(std::move(node_id)) {}

  // A pool, and what keeps it open.
  struct Home {
    const PoolKeeper* keeper = nullptr;
    std::shared_ptr<Engine> engine;
  };
  // NOT_FOUND when no pool of this node can have it; UNAVAILABLE when one that was never open
  // might.
  template <typename Id>
  absl::StatusOr<Home> HomeOf(const Id& id) const;
  // The same where it is to be worked on: UNAVAILABLE also while the pool can't be.
  template <typename Id>
  absl::StatusOr<std::shared_ptr<Engine>> WorkingEngineOf(const Id& id) const;
  // The pools that are, or once were, open, in the order of their UUIDs, as lists are.
  [[nodiscard]] std::vector<std::shared_ptr<Engine>> Engines() const;
  // What a pool can take, its health left out: that asks the kernel.
  static v1::PoolReport OfferOf(const PoolKeeper& keeper);
  // FAILED_PRECONDITION when another pool has the UUID of this one.
  [[nodiscard]] absl::Status CheckNoTwin(const Engine& opened) const;
  // FAILED_PRECONDITION for an inline volume, which is no CO's to manage.
  [[nodiscard]] absl::Status CheckManaged(const VolumeId& id) const;
  [[nodiscard]] static absl::Status CheckManaged(const SnapshotId&) { return absl::OkStatus(); }
  // What is said of an id whose pool is not on this node, where "not here" is no proof of
  // "deleted": its disk may be elsewhere, or not configured now.
  static absl::Status PoolIsElsewhere(absl::string_view id);
  // UNAVAILABLE: it may be in this pool, which has not been opened.
  static absl::Status NotKnown(absl::string_view id, const PoolKeeper& keeper);
  // ABORTED, naming `what`, while another operation holds the lock.
  absl::Status Lock(absl::string_view name_hash, absl::string_view what, Locks& locks);
  // Why a volume or snapshot that was there a moment ago, without its lock, can't be opened: a
  // delete holds the lock until it is done, and then it is gone from the index.
  absl::Status WhyGone(Engine& engine, const VolumeId& id, const absl::Status& error);
  absl::Status WhyGone(Engine& engine, const v1::SnapshotRecord& snapshot,
                       const absl::Status& error);
  // Posts `work`, which has the locks; they are released before `done` is called.
  template <typename T>
  static void Post(Executor& executor, Locks locks, absl::AnyInvocable<absl::StatusOr<T>()> work,
                   Callback<T> done);
  // Posts `work` on the pool of an object, which it holds the lock of.
  template <typename T, typename Id>
  void RunLocked(const Id& id, Executor& (Engine::*executor)(),
                 absl::AnyInvocable<absl::StatusOr<T>(Engine&)> work, Callback<T> done);
  template <typename Id>
  void RunLockedStatus(const Id& id, absl::AnyInvocable<absl::Status(Engine&)> work,
                       StatusCallback done);

  // Of one volume, inline ones too, from memory.
  absl::StatusOr<VolumeHealth> KnownHealth(const VolumeId& id) const;
  // Posts `work` on a volume; the second half of WithVolume.
  template <typename T>
  void PostOnVolume(Engine& engine, const VolumeId& id, Locks locks, bool exclusive,
                    absl::AnyInvocable<absl::StatusOr<T>(LocalVolume&)> work, Callback<T> done);

  // Null when there is none.
  absl::StatusOr<VolumePtr> FindByHash(absl::string_view name_hash) const;
  // Locks the source first: it is neither deleted nor grown while it is copied.
  absl::StatusOr<std::optional<ContentOrigin>> FindOrigin(const v1::ContentSource& source,
                                                          Locks& locks);

  // Either a volume that exists already, or a plan and who carries it out.
  struct Placement {
    VolumePtr existing;
    std::shared_ptr<Engine> engine;
    std::optional<CreateVolumePlan> plan;
  };
  absl::StatusOr<Placement> Place(const v1::VolumeRequest& request, Locks& locks);
  // UNAVAILABLE while the pool that it may be in has not been opened.
  absl::Status CheckNotInUnopenedPool(const std::string& volume_id, const std::string& pool) const;
  absl::StatusOr<Placement> PlaceInline(const v1::EphemeralVolume& owner,
                                        const v1::VolumeRequest& request);
  // The workers for a plan: formatting and copying take long.
  static Executor& ExecutorFor(Engine& engine, const CreateVolumePlan& plan);
  // What is asked for, and its source, locked.
  struct ParsedRequest {
    std::string name_hash;
    VolumeSpec spec;
    std::optional<ContentOrigin> origin;
  };
  absl::Status AdoptOrigin(const v1::VolumeRequest& request, Locks& locks, ParsedRequest& parsed);
  // placement.cc
  [[nodiscard]] std::vector<PoolVerdict> JudgePools(const v1::VolumeRequest& request,
                                                    const ParsedRequest& parsed) const;
  [[nodiscard]] static PoolVerdict JudgePool(const PoolKeeper& keeper,
                                             const v1::VolumeRequest& request,
                                             const ParsedRequest& parsed);
  absl::StatusOr<Placement> ChoosePool(const v1::VolumeRequest& request, ParsedRequest parsed);
  [[nodiscard]] absl::Status WhyNowhere(const std::vector<PoolVerdict>& verdicts,
                                        const VolumeSpec& spec) const;

  struct SnapshotPlacement {
    SnapshotPtr existing;
    std::shared_ptr<Engine> engine;
    std::optional<VolumeId> source;
  };
  absl::StatusOr<SnapshotPlacement> PlaceSnapshot(const v1::SnapshotRequest& request, Locks& locks);

  // The engine that can answer it.
  absl::StatusOr<std::shared_ptr<Engine>> CheckBlockQuery(const BlockQuery& query) const;

  // local_groups.cc
  struct GroupPlacement {
    std::optional<GroupSnapshot> existing;
    std::optional<GroupPlan> plan;
  };
  absl::StatusOr<GroupPlacement> PlaceGroup(const v1::GroupSnapshotRequest& request, Locks& locks);
  absl::StatusOr<GroupSnapshot> MakeGroup(const OperationContext& context, const GroupPlan& plan);
  // A group that is to be deleted; `group` is null when there is none.
  struct GroupRemoval {
    GroupId id;
    std::shared_ptr<Engine> home;
    GroupPtr group;
    std::vector<std::pair<std::shared_ptr<Engine>, SnapshotPtr>> members;
  };
  absl::StatusOr<GroupRemoval> FindRemoval(const GroupId& id,
                                           const std::vector<std::string>& snapshot_ids,
                                           Locks& locks);
  static absl::Status RemoveGroup(const GroupRemoval& removal);
  // How often pools were opened until now.
  [[nodiscard]] int64_t Openings() const;
  // Decides of each member of a group in this pool whether it exists: on the pool's own threads, or
  // before anybody sees it. What can't be decided yet is left for the next time.
  void SettleMembers(Engine& engine);
  enum class Membership { kExists, kGone, kUnknown };
  [[nodiscard]] Membership LookUpMember(Engine& engine, const v1::SnapshotRecord& member) const;
  // The same with the locks held. Returns whether it is decided.
  bool SettleMember(Engine& engine, const SnapshotPtr& member);

  const std::string node_id_;
  ChangeFeed changes_;
  // By name hash: what is locked is the volume or snapshot of a name, in whichever pool.
  KeyedMutex locks_;
  std::vector<std::unique_ptr<PoolKeeper>> keepers_;  // fixed once open
};

template <typename T>
void LocalStorage::Post(Executor& executor, Locks locks,
                        absl::AnyInvocable<absl::StatusOr<T>()> work, Callback<T> done) {
  PostCall<T>(
      executor, [held = std::move(locks), run = std::move(work)]() mutable { return run(); },
      std::move(done));
}

template <typename T>
void LocalStorage::WithVolume(const VolumeId& id, bool exclusive,
                              absl::AnyInvocable<absl::StatusOr<T>(LocalVolume&)> work,
                              Callback<T> done) {
  Locks locks;
  const absl::StatusOr<std::shared_ptr<Engine>> engine = WorkingEngineOf(id);
  absl::Status ready = engine.status();
  if (ready.ok()) ready = (*engine)->volumes().Find(id.text()).status();
  if (ready.ok() && exclusive) ready = Lock(id.name_hash(), id.text(), locks);
  if (!ready.ok()) {
    std::move(done)(ready);
    return;
  }
  PostOnVolume<T>(**engine, id, std::move(locks), exclusive, std::move(work), std::move(done));
}

template <typename T>
void LocalStorage::PostOnVolume(Engine& engine, const VolumeId& id, Locks locks, bool exclusive,
                                absl::AnyInvocable<absl::StatusOr<T>(LocalVolume&)> work,
                                Callback<T> done) {
  Post<T>(
      engine.fast(), std::move(locks),
      [this, e = &engine, id, exclusive, run = std::move(work)]() mutable -> absl::StatusOr<T> {
        // Looked up again: only now is the lock held.
        absl::StatusOr<VolumePtr> record = e->volumes().Find(id.text());
        if (!record.ok()) return record.status();
        absl::StatusOr<UniqueFd> object = e->OpenVolume(id);
        if (!object.ok()) return exclusive ? object.status() : WhyGone(*e, id, object.status());
        LocalVolume volume{*e, *std::move(record), *std::move(object)};
        return run(volume);
      },
      std::move(done));
}

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_LOCAL_STORAGE_H_

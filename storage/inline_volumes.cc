// SPDX-License-Identifier: Apache-2.0
//
// LocalStorage's part for inline volumes. They are volumes as all others (a record, a place in the
// ledger), but for their names, which are of a kind of their own, and their lives, which are those
// of their mounts.
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "storage/local_storage.h"

namespace nodevol::storage {
namespace {

constexpr size_t kScan = 256;  // records looked at in one go

absl::AnyInvocable<absl::StatusOr<Nothing>(LocalVolume&)> AnsweringNothing(
    LocalStorage::VolumeWork work) {
  return [run = std::move(work)](LocalVolume& volume) mutable -> absl::StatusOr<Nothing> {
    RETURN_IF_ERROR(run(volume));
    return Nothing{};
  };
}

// How it is mounted is compared with the mount; here, what it is and whose.
absl::Status CheckSameInlineVolume(const v1::VolumeRecord& existing,
                                   const v1::EphemeralVolume& owner,
                                   const v1::VolumeRequest& request) {
  if (existing.ephemeral().target_path() != owner.target_path()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "inline volume ", owner.volume_id(), " belongs to ", existing.ephemeral().target_path(),
        "; a pod has its own, which is at one path"));
  }
  v1::VolumeRequest same_use = request;
  *same_use.mutable_capabilities() = existing.request().capabilities();
  return CheckSameVolume(existing, same_use);
}

// The new volume is nobody's until it is mounted.
absl::Status MountNew(Engine& engine, const VolumeId& id, const VolumePtr& record,
                      LocalStorage::VolumeWork& mount) {
  const absl::Status mounted = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(UniqueFd object, engine.OpenVolume(id));
    LocalVolume volume{engine, record, std::move(object)};
    return mount(volume);
  }();
  if (mounted.ok()) return mounted;
  if (const absl::Status deleted = engine.DeleteVolume(id); !deleted.ok()) {
    log::Warn("an inline volume that could not be mounted stays until it is unpublished",
              {{"volume_id", record->ephemeral().volume_id()}, {"error", deleted}});
  }
  return mounted;
}

}  // namespace

absl::StatusOr<KeyedMutex::Lock> LocalStorage::LockInlineVolume(const std::string& volume_id) {
  Locks locks;
  RETURN_IF_ERROR(Lock(HashOfInlineVolume(volume_id), volume_id, locks));
  return std::move(locks.front());
}

absl::StatusOr<VolumePtr> LocalStorage::FindInlineVolume(const std::string& volume_id) const {
  ASSIGN_OR_RETURN(VolumePtr found, FindByHash(HashOfInlineVolume(volume_id)));
  if (found != nullptr) return found;
  return absl::NotFoundError(
      absl::StrCat("volume \"", volume_id, "\" does not exist on this node"));
}

std::vector<VolumePtr> LocalStorage::InlineVolumes() const {
  std::vector<VolumePtr> all;
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    std::string after;
    while (true) {
      const std::vector<VolumePtr> some = engine->volumes().After(after, kScan);
      if (some.empty()) break;
      after = some.back()->id();
      for (const VolumePtr& volume : some) {
        if (volume->has_ephemeral()) all.push_back(volume);
      }
    }
  }
  return all;
}

bool LocalStorage::IsInlineVolume(const VolumeId& id) const {
  const absl::StatusOr<Home> home = HomeOf(id);
  if (!home.ok()) return false;
  const absl::StatusOr<VolumePtr> found = home->engine->volumes().Find(id.text());
  return found.ok() && (*found)->has_ephemeral();
}

absl::Status LocalStorage::CheckManaged(const VolumeId& id) const {
  if (!IsInlineVolume(id)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(id.text(), " is an inline volume: it comes and goes with its pod alone"));
}

// After a reboot kubelet publishes the volumes of its pods again: one whose pool has not come yet
// would be made a second time, in another pool, and empty.
absl::Status LocalStorage::CheckNotInUnopenedPool(const std::string& volume_id,
                                                  const std::string& pool) const {
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    const bool asked_for = pool.empty() || pool == keeper->name();
    if (asked_for && keeper->engine() == nullptr) return NotKnown(volume_id, *keeper);
  }
  return absl::OkStatus();
}

absl::StatusOr<LocalStorage::Placement> LocalStorage::PlaceInline(
    const v1::EphemeralVolume& owner, const v1::VolumeRequest& request) {
  ParsedRequest parsed;
  ASSIGN_OR_RETURN(parsed.spec, ParseVolumeSpec(request));
  parsed.name_hash = HashOfInlineVolume(owner.volume_id());
  ASSIGN_OR_RETURN(const VolumePtr existing, FindByHash(parsed.name_hash));
  if (existing != nullptr) {
    RETURN_IF_ERROR(CheckSameInlineVolume(*existing, owner, request));
    return Placement{.existing = existing, .engine = nullptr, .plan = std::nullopt};
  }
  RETURN_IF_ERROR(CheckNotInUnopenedPool(owner.volume_id(), parsed.spec.pool));
  absl::StatusOr<Placement> chosen = ChoosePool(request, std::move(parsed));
  if (chosen.ok()) chosen->plan->ephemeral = owner;
  return chosen;
}

void LocalStorage::PublishInlineVolume(KeyedMutex::Lock lock, const v1::EphemeralVolume& owner,
                                       const v1::VolumeRequest& request, VolumeWork mount,
                                       StatusCallback done) {
  Locks locks;
  locks.push_back(std::move(lock));
  absl::StatusOr<Placement> placement = PlaceInline(owner, request);
  if (!placement.ok()) {
    locks.clear();
    return std::move(done)(placement.status());
  }
  if (placement->existing != nullptr) {
    return WithInlineVolume(std::move(locks.front()), placement->existing, std::move(mount),
                            std::move(done));
  }
  const std::shared_ptr<Engine> engine = std::move(placement->engine);
  Post<Nothing>(
      ExecutorFor(*engine, *placement->plan), std::move(locks),
      [e = engine.get(), plan = *std::move(placement->plan),
       run = std::move(mount)]() mutable -> absl::StatusOr<Nothing> {
        const VolumeId id = plan.id;
        ASSIGN_OR_RETURN(const VolumePtr record, e->CreateVolume({}, std::move(plan)));
        RETURN_IF_ERROR(MountNew(*e, id, record, run));
        return Nothing{};
      },
      AnsweringStatus(std::move(done)));
}

void LocalStorage::WithInlineVolume(KeyedMutex::Lock lock, const VolumePtr& volume, VolumeWork work,
                                    StatusCallback done) {
  Locks locks;
  locks.push_back(std::move(lock));
  const std::optional<VolumeId> id = VolumeId::Parse(volume->id());
  const absl::StatusOr<std::shared_ptr<Engine>> engine =
      id.has_value() ? WorkingEngineOf(*id) : absl::InternalError("the record has no id");
  if (!engine.ok()) {
    locks.clear();
    return std::move(done)(engine.status());
  }
  PostOnVolume<Nothing>(**engine, *id, std::move(locks), /*exclusive=*/true,
                        AnsweringNothing(std::move(work)), AnsweringStatus(std::move(done)));
}

}  // namespace nodevol::storage

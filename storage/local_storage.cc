// SPDX-License-Identifier: Apache-2.0
#include "storage/local_storage.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"

namespace nodevol::storage {
namespace {

absl::Status Busy(absl::string_view what) {
  return absl::AbortedError(
      absl::StrCat("another operation on ", what, " is under way; retry when it has ended"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalStorage>> LocalStorage::Open(
    std::string node_id, const std::vector<PoolOptions>& pools) {
  std::unique_ptr<LocalStorage> storage(new LocalStorage(std::move(node_id)));
  for (const PoolOptions& options : pools) {
    storage->keepers_.push_back(std::make_unique<PoolKeeper>(
        options,
        [s = storage.get()](Engine& opened) -> absl::Status {
          RETURN_IF_ERROR(s->CheckNoTwin(opened));
          s->SettleMembers(opened);
          return absl::OkStatus();
        },
        [s = storage.get()](Engine& open) {
          open.ReportTo(s->changes_);
          s->changes_.TellPool(open.pool().uuid());  // what has changed before that is listed
        },
        [s = storage.get()](Engine& open) { s->SettleMembers(open); }));
  }
  for (const std::unique_ptr<PoolKeeper>& keeper : storage->keepers_) {
    const absl::Status opened = keeper->Open();
    // Which of two twins is the original nobody but the administrator knows; and where another
    // process has the pool, that one serves the node.
    if (absl::IsAlreadyExists(opened)) return absl::FailedPreconditionError(opened.message());
  }
  for (const std::shared_ptr<Engine>& engine : storage->Engines()) {
    storage->SettleMembers(*engine);  // now that their groups' pools are open
    if (const size_t undecided = engine->snapshots().undecided(); undecided > 0) {
      log::Warn("snapshots are not served until the pools of their groups are open",
                {{"pool", engine->pool().name()}, {"snapshots", undecided}});
    }
  }
  for (const std::unique_ptr<PoolKeeper>& keeper : storage->keepers_) keeper->Start();
  return storage;
}

absl::Status LocalStorage::CheckNoTwin(const Engine& opened) const {
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    const std::shared_ptr<Engine> other = keeper->engine();
    if (other == nullptr || keeper->name() == opened.pool().name() ||
        other->pool().uuid() != opened.pool().uuid()) {
      continue;
    }
    return absl::AlreadyExistsError(
        absl::StrCat("pools \"", keeper->name(), "\" and \"", opened.pool().name(),
                     "\" have the same UUID, so one disk is a copy of the other; leave one out"));
  }
  return absl::OkStatus();
}

// Operations use the locks, their engine's threads, and a copy that of its source: while the first
// of all these ends none may run.
LocalStorage::~LocalStorage() { Drain(absl::InfiniteDuration()); }

absl::Status LocalStorage::NotKnown(absl::string_view id, const PoolKeeper& keeper) {
  return absl::UnavailableError(
      absl::StrCat("whether ", id, " exists is not known: ", keeper.Availability().message()));
}

template <typename Id>
absl::StatusOr<LocalStorage::Home> LocalStorage::HomeOf(const Id& id) const {
  absl::Status absent = absl::NotFoundError(
      absl::StrCat(id.text(), " does not exist: no pool of node ", node_id_, " has its UUID"));
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    std::shared_ptr<Engine> engine = keeper->engine();
    if (engine == nullptr) {
      absent = NotKnown(id.text(), *keeper);
    } else if (engine->pool().uuid() == id.pool_uuid()) {
      return Home{keeper.get(), std::move(engine)};
    }
  }
  return absent;
}
template absl::StatusOr<LocalStorage::Home> LocalStorage::HomeOf(const VolumeId&) const;
template absl::StatusOr<LocalStorage::Home> LocalStorage::HomeOf(const SnapshotId&) const;
template absl::StatusOr<LocalStorage::Home> LocalStorage::HomeOf(const GroupId&) const;

template <typename Id>
absl::StatusOr<std::shared_ptr<Engine>> LocalStorage::WorkingEngineOf(const Id& id) const {
  ASSIGN_OR_RETURN(Home home, HomeOf(id));
  RETURN_IF_ERROR(home.keeper->Availability());
  return std::move(home.engine);
}
template absl::StatusOr<std::shared_ptr<Engine>> LocalStorage::WorkingEngineOf(
    const VolumeId&) const;
template absl::StatusOr<std::shared_ptr<Engine>> LocalStorage::WorkingEngineOf(
    const SnapshotId&) const;
template absl::StatusOr<std::shared_ptr<Engine>> LocalStorage::WorkingEngineOf(
    const GroupId&) const;

std::vector<std::shared_ptr<Engine>> LocalStorage::Engines() const {
  std::vector<std::shared_ptr<Engine>> engines;
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    if (std::shared_ptr<Engine> engine = keeper->engine(); engine != nullptr) {
      engines.push_back(std::move(engine));
    }
  }
  std::sort(engines.begin(), engines.end(),
            [](const auto& a, const auto& b) { return a->pool().uuid() < b->pool().uuid(); });
  return engines;
}

absl::Status LocalStorage::PoolIsElsewhere(absl::string_view id) {
  return absl::UnavailableError(
      absl::StrCat("the pool of ", id,
                   " is not on this node, so nothing can be said of its data; delete it where "
                   "the pool is, or configure the pool here"));
}

absl::Status LocalStorage::Lock(absl::string_view name_hash, absl::string_view what, Locks& locks) {
  std::optional<KeyedMutex::Lock> lock = locks_.TryLock(name_hash);
  if (!lock.has_value()) return Busy(what);
  locks.push_back(*std::move(lock));
  return absl::OkStatus();
}

absl::Status LocalStorage::WhyGone(Engine& engine, const VolumeId& id, const absl::Status& error) {
  Locks locks;
  RETURN_IF_ERROR(Lock(id.name_hash(), id.text(), locks));
  RETURN_IF_ERROR(engine.volumes().Find(id.text()).status());
  return error;
}

template <typename T, typename Id>
void LocalStorage::RunLocked(const Id& id, Executor& (Engine::*executor)(),
                             absl::AnyInvocable<absl::StatusOr<T>(Engine&)> work,
                             Callback<T> done) {
  Locks locks;
  const absl::StatusOr<std::shared_ptr<Engine>> engine = WorkingEngineOf(id);
  absl::Status ready = engine.ok() ? CheckManaged(id) : engine.status();
  if (ready.ok()) ready = Lock(id.name_hash(), id.text(), locks);
  if (!ready.ok()) {
    std::move(done)(ready);
    return;
  }
  Post<T>(((**engine).*executor)(), std::move(locks),
          [e = engine->get(), run = std::move(work)]() mutable { return run(*e); },
          std::move(done));
}

template <typename Id>
void LocalStorage::RunLockedStatus(const Id& id, absl::AnyInvocable<absl::Status(Engine&)> work,
                                   StatusCallback done) {
  RunLocked<Nothing>(
      id, &Engine::fast,
      [run = std::move(work)](Engine& engine) mutable -> absl::StatusOr<Nothing> {
        RETURN_IF_ERROR(run(engine));
        return Nothing{};
      },
      AnsweringStatus(std::move(done)));
}

void LocalStorage::CreateVolume(const OperationContext& context, const v1::VolumeRequest& request,
                                Callback<VolumePtr> done) {
  Locks locks;
  absl::StatusOr<Placement> placement = Place(request, locks);
  if (!placement.ok() || placement->existing != nullptr) {
    locks.clear();
    std::move(done)(placement.ok() ? absl::StatusOr<VolumePtr>(placement->existing)
                                   : placement.status());
    return;
  }
  const std::shared_ptr<Engine> engine = std::move(placement->engine);
  Post<VolumePtr>(
      ExecutorFor(*engine, *placement->plan), std::move(locks),
      [e = engine.get(), context, plan = *std::move(placement->plan)]() mutable {
        return e->CreateVolume(context, std::move(plan));
      },
      std::move(done));
}

Executor& LocalStorage::ExecutorFor(Engine& engine, const CreateVolumePlan& plan) {
  const bool formats_or_copies =
      plan.origin.has_value() || plan.spec.backend != BackendChoice::kDirectory;
  return formats_or_copies ? engine.bulk() : engine.fast();
}

absl::StatusOr<LocalStorage::Placement> LocalStorage::Place(const v1::VolumeRequest& request,
                                                            Locks& locks) {
  ParsedRequest parsed;
  ASSIGN_OR_RETURN(parsed.spec, ParseVolumeSpec(request));
  parsed.name_hash = VolumeId::HashOfName(request.name());
  RETURN_IF_ERROR(Lock(parsed.name_hash, request.name(), locks));
  ASSIGN_OR_RETURN(const VolumePtr existing, FindByHash(parsed.name_hash));
  if (existing != nullptr) {
    RETURN_IF_ERROR(CheckSameVolume(*existing, request));
    return Placement{.existing = existing, .engine = nullptr, .plan = std::nullopt};
  }
  RETURN_IF_ERROR(AdoptOrigin(request, locks, parsed));
  return ChoosePool(request, std::move(parsed));
}

absl::Status LocalStorage::AdoptOrigin(const v1::VolumeRequest& request, Locks& locks,
                                       ParsedRequest& parsed) {
  ASSIGN_OR_RETURN(parsed.origin, FindOrigin(request.content_source(), locks));
  if (!parsed.origin.has_value()) return absl::OkStatus();
  const ContentOrigin& origin = *parsed.origin;
  const v1::ImageContent& image =
      origin.volume != nullptr ? origin.volume->image() : origin.snapshot->image();
  const bool directory =
      origin.volume != nullptr ? origin.volume->has_directory() : origin.snapshot->has_directory();
  return AdoptSource(image, directory, parsed.spec);
}

absl::StatusOr<std::optional<ContentOrigin>> LocalStorage::FindOrigin(
    const v1::ContentSource& source, Locks& locks) {
  if (source.has_volume_id()) {
    const std::optional<VolumeId> id = VolumeId::Parse(source.volume_id());
    if (!id.has_value()) {
      return absl::NotFoundError(
          absl::StrCat("source volume ", source.volume_id(), " does not exist"));
    }
    ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, WorkingEngineOf(*id));
    RETURN_IF_ERROR(CheckManaged(*id));
    RETURN_IF_ERROR(Lock(id->name_hash(), id->text(), locks));
    ASSIGN_OR_RETURN(VolumePtr volume, engine->volumes().Find(id->text()));
    const int64_t size = volume->size_bytes();
    return std::optional<ContentOrigin>({std::move(engine), std::move(volume), nullptr, size});
  }
  if (source.has_snapshot_id()) {
    const std::optional<SnapshotId> id = SnapshotId::Parse(source.snapshot_id());
    if (!id.has_value()) {
      return absl::NotFoundError(
          absl::StrCat("source snapshot ", source.snapshot_id(), " does not exist"));
    }
    ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, WorkingEngineOf(*id));
    RETURN_IF_ERROR(Lock(id->name_hash(), id->text(), locks));
    ASSIGN_OR_RETURN(SnapshotPtr snapshot, engine->snapshots().Find(id->text()));
    const int64_t size = snapshot->size_bytes();
    return std::optional<ContentOrigin>({std::move(engine), nullptr, std::move(snapshot), size});
  }
  return std::optional<ContentOrigin>();
}

void LocalStorage::DeleteVolume(const OperationContext&, const VolumeId& id, StatusCallback done) {
  if (absl::IsNotFound(HomeOf(id).status())) {
    std::move(done)(PoolIsElsewhere(id.text()));
    return;
  }
  RunLockedStatus(id, [id](Engine& engine) { return engine.DeleteVolume(id); }, std::move(done));
}

void LocalStorage::ExpandVolume(const OperationContext&, const VolumeId& id,
                                const v1::CapacityRange& range, Callback<ExpandedVolume> done) {
  RunLocked<ExpandedVolume>(
      id, &Engine::fast, [id, range](Engine& engine) { return engine.ExpandVolume(id, range); },
      std::move(done));
}

void LocalStorage::UndeleteVolume(const VolumeId& id, Callback<VolumePtr> done) {
  RunLocked<VolumePtr>(
      id, &Engine::fast, [id](Engine& engine) { return engine.UndeleteVolume(id); },
      std::move(done));
}

void LocalStorage::ModifyVolume(const OperationContext&, const VolumeId& id,
                                const google::protobuf::Map<std::string, std::string>& parameters,
                                Callback<VolumePtr> done) {
  RunLocked<VolumePtr>(
      id, &Engine::fast,
      [id, parameters](Engine& engine) { return engine.ModifyVolume(id, parameters); },
      std::move(done));
}

void LocalStorage::PublishVolume(const OperationContext&, const VolumeId& id,
                                 const v1::ControllerPublication& publication,
                                 Callback<VolumePtr> done) {
  RunLocked<VolumePtr>(
      id, &Engine::fast,
      [id, publication](Engine& engine) { return engine.PublishVolume(id, publication); },
      std::move(done));
}

void LocalStorage::UnpublishVolume(const OperationContext&, const VolumeId& id,
                                   const std::string& node_id, StatusCallback done) {
  if (absl::IsNotFound(HomeOf(id).status())) {  // what is not here is not published here
    std::move(done)(absl::OkStatus());
    return;
  }
  RunLockedStatus(
      id, [id, node_id](Engine& engine) { return engine.UnpublishVolume(id, node_id); },
      std::move(done));
}

void LocalStorage::CreateSnapshot(const OperationContext&, const v1::SnapshotRequest& request,
                                  Callback<SnapshotPtr> done) {
  Locks locks;
  absl::StatusOr<SnapshotPlacement> placement = PlaceSnapshot(request, locks);
  if (!placement.ok() || placement->existing != nullptr) {
    locks.clear();
    std::move(done)(placement.ok() ? absl::StatusOr<SnapshotPtr>(placement->existing)
                                   : placement.status());
    return;
  }
  const std::shared_ptr<Engine> engine = std::move(placement->engine);
  Post<SnapshotPtr>(
      engine->bulk(), std::move(locks),
      [e = engine.get(), request, source = *placement->source] {
        const SnapshotId id = SnapshotId::ForName(e->pool().uuid(), request.name());
        return e->CreateSnapshot(id, request, source);
      },
      std::move(done));
}

absl::StatusOr<LocalStorage::SnapshotPlacement> LocalStorage::PlaceSnapshot(
    const v1::SnapshotRequest& request, Locks& locks) {
  RETURN_IF_ERROR(CheckSnapshotParameters(request.parameters()));
  RETURN_IF_ERROR(Lock(SnapshotId::HashOfName(request.name()), request.name(), locks));
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    const SnapshotId id = SnapshotId::ForName(engine->pool().uuid(), request.name());
    absl::StatusOr<SnapshotPtr> found = engine->snapshots().Find(id.text());
    if (absl::IsNotFound(found.status())) continue;
    RETURN_IF_ERROR(found.status());
    if ((*found)->request().source_volume_id() != request.source_volume_id()) {
      return absl::AlreadyExistsError(
          absl::StrCat("snapshot \"", request.name(), "\" exists and is one of volume ",
                       (*found)->request().source_volume_id(), "; use another name"));
    }
    return SnapshotPlacement{
        .existing = *std::move(found), .engine = nullptr, .source = std::nullopt};
  }
  const std::optional<VolumeId> source = VolumeId::Parse(request.source_volume_id());
  if (!source.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("source volume ", request.source_volume_id(), " does not exist"));
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, WorkingEngineOf(*source));
  RETURN_IF_ERROR(engine->volumes().Find(source->text()).status());
  RETURN_IF_ERROR(CheckManaged(*source));
  RETURN_IF_ERROR(Lock(source->name_hash(), source->text(), locks));
  return SnapshotPlacement{.existing = nullptr, .engine = std::move(engine), .source = source};
}

void LocalStorage::DeleteSnapshot(const OperationContext&, const SnapshotId& id,
                                  StatusCallback done) {
  if (absl::IsNotFound(HomeOf(id).status())) {
    std::move(done)(PoolIsElsewhere(id.text()));
    return;
  }
  RunLockedStatus(id, [id](Engine& engine) { return engine.DeleteSnapshot(id); }, std::move(done));
}

}  // namespace nodevol::storage

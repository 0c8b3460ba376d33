// SPDX-License-Identifier: Apache-2.0
//
// Group snapshots, which may have members in several pools. The group's record is in one of them,
// and decides for all.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "storage/group_creation.h"
#include "storage/group_request.h"
#include "storage/local_storage.h"

namespace nodevol::storage {
namespace {

using VisitList = std::vector<Visits::Visit>;

absl::Status Enter(Engine& engine, VisitList& visits) {
  ASSIGN_OR_RETURN(Visits::Visit visit, engine.BeginVisit());
  visits.push_back(std::move(visit));
  return engine.pool().Check();
}

}  // namespace

void LocalStorage::CreateGroupSnapshot(const OperationContext& context,
                                       const v1::GroupSnapshotRequest& request,
                                       Callback<GroupSnapshot> done) {
  Locks locks;
  absl::StatusOr<GroupPlacement> placement = PlaceGroup(request, locks);
  if (!placement.ok() || placement->existing.has_value()) {
    locks.clear();
    std::move(done)(placement.ok() ? absl::StatusOr<GroupSnapshot>(*placement->existing)
                                   : placement.status());
    return;
  }
  const std::shared_ptr<Engine> home = placement->plan->home;
  Post<GroupSnapshot>(
      home->bulk(), std::move(locks),
      [this, context, plan = *std::move(placement->plan)] { return MakeGroup(context, plan); },
      std::move(done));
}

absl::StatusOr<LocalStorage::GroupPlacement> LocalStorage::PlaceGroup(
    const v1::GroupSnapshotRequest& request, Locks& locks) {
  ASSIGN_OR_RETURN(const std::vector<VolumeId> volumes, ParseGroupRequest(request));
  RETURN_IF_ERROR(Lock(GroupId::HashOfName(request.name()), request.name(), locks));
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    absl::StatusOr<GroupPtr> found =
        engine->groups().Find(GroupId::ForName(engine->pool().uuid(), request.name()).text());
    if (absl::IsNotFound(found.status())) continue;
    RETURN_IF_ERROR(found.status());
    RETURN_IF_ERROR(CheckSameGroup(**found, request));
    ASSIGN_OR_RETURN(GroupSnapshot existing, GetGroupSnapshot(*GroupId::Parse((*found)->id())));
    return GroupPlacement{.existing = std::move(existing), .plan = std::nullopt};
  }
  // All that is missing is said before all that is busy, so that the same request gets the same
  // answer.
  std::vector<GroupPlan::Source> sources;
  for (const VolumeId& volume : volumes) {
    ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, WorkingEngineOf(volume));
    RETURN_IF_ERROR(engine->volumes().Find(volume.text()).status());
    RETURN_IF_ERROR(CheckManaged(volume));
    sources.push_back({std::move(engine), volume});
  }
  for (const VolumeId& volume : volumes) {
    RETURN_IF_ERROR(Lock(volume.name_hash(), volume.text(), locks));
  }
  // They are in the order of their ids, and ids begin with the pool.
  std::shared_ptr<Engine> home = sources.front().engine;
  return GroupPlacement{.existing = std::nullopt,
                        .plan = GroupPlan{GroupId::ForName(home->pool().uuid(), request.name()),
                                          request, std::move(sources), std::move(home)}};
}

absl::StatusOr<GroupSnapshot> LocalStorage::MakeGroup(const OperationContext& context,
                                                      const GroupPlan& plan) {
  VisitList visits;
  for (const GroupPlan::Source& source : plan.sources) {
    RETURN_IF_ERROR(Enter(*source.engine, visits));
  }
  // What an earlier attempt has left, whatever its group was.
  for (const GroupPlan::Source& source : plan.sources) {
    const SnapshotId id = MemberId(plan.request.name(), source.volume);
    const SnapshotPtr left = source.engine->members().Find(id.text());
    if (left != nullptr && LookUpMember(*source.engine, *left) == Membership::kGone) {
      RETURN_IF_ERROR(source.engine->DropMember(left));
    }
    const absl::Status free = source.engine->snapshots().Find(id.text()).status();
    if (free.ok()) {
      return absl::AlreadyExistsError(absl::StrCat("snapshot ", id.text(),
                                                   " of another group with the name \"",
                                                   plan.request.name(), "\" exists"));
    }
    if (!absl::IsNotFound(free)) return free;
  }
  return MakeGroupSnapshot(context, plan);
}

absl::StatusOr<GroupSnapshot> LocalStorage::GetGroupSnapshot(const GroupId& id) const {
  ASSIGN_OR_RETURN(const Home home, HomeOf(id));
  ASSIGN_OR_RETURN(GroupPtr group, home.engine->groups().Find(id.text()));
  return WithMembers(std::move(group),
                     [this](const SnapshotId& member) { return GetSnapshot(member); });
}

void LocalStorage::DeleteGroupSnapshot(const OperationContext&, const GroupId& id,
                                       const std::vector<std::string>& snapshot_ids,
                                       StatusCallback done) {
  Locks locks;
  absl::StatusOr<GroupRemoval> removal = FindRemoval(id, snapshot_ids, locks);
  if (!removal.ok()) {
    locks.clear();
    std::move(done)(removal.status());
    return;
  }
  const std::shared_ptr<Engine> home = removal->home;
  Post<Nothing>(
      home->fast(), std::move(locks),
      [found = *std::move(removal)]() -> absl::StatusOr<Nothing> {
        RETURN_IF_ERROR(RemoveGroup(found));
        return Nothing{};
      },
      AnsweringStatus(std::move(done)));
}

absl::StatusOr<LocalStorage::GroupRemoval> LocalStorage::FindRemoval(
    const GroupId& id, const std::vector<std::string>& snapshot_ids, Locks& locks) {
  if (absl::IsNotFound(HomeOf(id).status())) return PoolIsElsewhere(id.text());
  ASSIGN_OR_RETURN(std::shared_ptr<Engine> home, WorkingEngineOf(id));
  RETURN_IF_ERROR(Lock(id.name_hash(), id.text(), locks));
  GroupRemoval removal{.id = id, .home = std::move(home), .group = nullptr, .members = {}};
  absl::StatusOr<GroupPtr> group = removal.home->groups().Find(id.text());
  if (absl::IsNotFound(group.status())) return removal;
  RETURN_IF_ERROR(group.status());
  RETURN_IF_ERROR(CheckGroupMembers(**group, snapshot_ids));
  for (const std::string& text : (*group)->snapshot_ids()) {
    const std::optional<SnapshotId> member = SnapshotId::Parse(text);
    if (!member.has_value() || absl::IsNotFound(HomeOf(*member).status())) {
      return PoolIsElsewhere(text);
    }
    ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, WorkingEngineOf(*member));
    RETURN_IF_ERROR(Lock(member->name_hash(), member->text(), locks));
    absl::StatusOr<SnapshotPtr> found = engine->snapshots().Find(text);
    if (absl::IsNotFound(found.status())) continue;  // taken away by hand: so much less to do
    RETURN_IF_ERROR(found.status());
    removal.members.emplace_back(std::move(engine), *std::move(found));
  }
  removal.group = *std::move(group);
  return removal;
}

absl::Status LocalStorage::RemoveGroup(const GroupRemoval& removal) {
  VisitList visits;
  RETURN_IF_ERROR(Enter(*removal.home, visits));
  for (const auto& [engine, member] : removal.members) RETURN_IF_ERROR(Enter(*engine, visits));
  if (removal.group == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(removal.home->DeleteGroup(removal.id));
  // The group is deleted: whatever happens now, its members are removed, if not here then when
  // SettleMembers() finds them. But nobody is told OK by a pool whose disk has failed.
  absl::Status answer;
  for (const auto& [engine, member] : removal.members) {
    const absl::Status dropped = engine->DropMember(member);
    if (dropped.ok()) continue;
    log::Warn("a member of a deleted group snapshot can't be removed; it is tried again",
              {{"pool", engine->pool().name()}, {"snapshot_id", member->id()}, {"error", dropped}});
    if (!engine->pool().fault().ok()) answer.Update(dropped);
  }
  return answer;
}

int64_t LocalStorage::Openings() const {
  int64_t openings = 0;
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) openings += keeper->openings();
  return openings;
}

void LocalStorage::SettleMembers(Engine& engine) {
  const int64_t openings = Openings();
  if (engine.members().IsSettled(openings)) return;
  bool settled = true;
  for (const SnapshotPtr& member : engine.members().All()) {
    const bool admitted = engine.snapshots().Find(member->id()).ok();
    if (admitted && LookUpMember(engine, *member) != Membership::kGone) continue;
    settled &= SettleMember(engine, member);
  }
  if (settled) engine.members().SetSettled(openings);
}

LocalStorage::Membership LocalStorage::LookUpMember(Engine& engine,
                                                    const v1::SnapshotRecord& member) const {
  const GroupId group = *GroupId::Parse(member.group_snapshot_id());  // checked when it was read
  std::shared_ptr<Engine> other;
  const Engine* home = &engine;
  if (group.pool_uuid() != engine.pool().uuid()) {
    absl::StatusOr<std::shared_ptr<Engine>> found = WorkingEngineOf(group);
    if (!found.ok()) return Membership::kUnknown;
    other = *std::move(found);
    home = other.get();
  }
  const absl::StatusOr<GroupPtr> record = home->groups().Find(group.text());
  if (record.ok()) {
    return IsMemberOf(**record, member.id()) ? Membership::kExists : Membership::kGone;
  }
  if (!absl::IsNotFound(record.status())) return Membership::kExists;  // damaged, but it is there
  // A pool that failed a moment ago may have on its disk what it does not know.
  return home->pool().fault().ok() ? Membership::kGone : Membership::kUnknown;
}

bool LocalStorage::SettleMember(Engine& engine, const SnapshotPtr& member) {
  const GroupId group = *GroupId::Parse(member->group_snapshot_id());
  const SnapshotId id = *SnapshotId::Parse(member->id());
  Locks locks;
  // Whoever works on the group is about to decide.
  if (!Lock(group.name_hash(), group.text(), locks).ok()) return false;
  if (!Lock(id.name_hash(), id.text(), locks).ok()) return false;
  switch (LookUpMember(engine, *member)) {
    case Membership::kUnknown:
      return false;
    case Membership::kExists:
      engine.AdmitMember(member);
      return true;
    case Membership::kGone:
      break;
  }
  const absl::Status dropped = engine.DropMember(member);
  log::Info("a snapshot of a group that does not exist is removed",
            {{"pool", engine.pool().name()}, {"snapshot_id", member->id()}, {"result", dropped}});
  return dropped.ok();
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/group_creation.h"

#include <memory>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "storage/group_cut.h"
#include "storage/snapshot_cut.h"

namespace nodevol::storage {
namespace {

absl::StatusOr<std::vector<SnapshotCut>> BeginAll(const GroupPlan& plan) {
  std::vector<SnapshotCut> cuts;
  for (const GroupPlan::Source& source : plan.sources) {
    absl::StatusOr<SnapshotCut> cut = SnapshotCut::Begin(
        *source.engine, MemberId(plan.request.name(), source.volume), source.volume);
    RETURN_IF_ERROR(OfMember(*source.engine, source.volume.text(), cut.status()));
    cuts.push_back(*std::move(cut));
  }
  return cuts;
}

void DropAll(const std::vector<SnapshotCut>& cuts, const std::vector<SnapshotPtr>& members) {
  for (size_t i = 0; i < members.size(); ++i) {
    const absl::Status dropped = cuts[i].engine().DropMember(members[i]);
    if (dropped.ok()) continue;
    log::Warn("a member of a group snapshot that failed can't be removed; it is tried again",
              {{"snapshot_id", members[i]->id()}, {"error", dropped}});
  }
}

// Members first: they do not exist until their group's record does.
absl::StatusOr<GroupSnapshot> CommitAll(const GroupPlan& plan, std::vector<SnapshotCut>& cuts,
                                        v1::GroupSnapshotRecord record) {
  GroupSnapshot made;
  absl::Status committed;
  for (SnapshotCut& cut : cuts) {
    absl::StatusOr<SnapshotPtr> member = cut.Commit();
    committed = OfMember(cut, member.status());
    if (!committed.ok()) break;
    cut.engine().PutMember(*member);
    record.add_snapshot_ids((*member)->id());
    made.members.push_back(*std::move(member));
  }
  if (committed.ok()) {
    made.group = std::make_shared<v1::GroupSnapshotRecord>(std::move(record));
    committed = plan.home->CommitGroup(made.group);
  }
  if (committed.ok()) {
    for (size_t i = 0; i < cuts.size(); ++i) {
      cuts[i].engine().AdmitMember(made.members[i]);
      cuts[i].engine().pool().RefreshSpace().IgnoreError();
    }
    return made;
  }
  // When the disk has failed nobody knows whether the record is on it. The members stay undecided
  // until the pool is opened anew.
  if (plan.home->pool().fault().ok()) DropAll(cuts, made.members);
  return committed;
}

}  // namespace

absl::StatusOr<GroupSnapshot> MakeGroupSnapshot(const OperationContext& context,
                                                const GroupPlan& plan) {
  ASSIGN_OR_RETURN(std::vector<SnapshotCut> cuts, BeginAll(plan));
  v1::GroupSnapshotRecord record;
  record.set_id(plan.id.text());
  record.set_generation(1);
  *record.mutable_request() = plan.request;
  ASSIGN_OR_RETURN(*record.mutable_created(), TakeAtOneInstant(context, cuts));
  for (SnapshotCut& cut : cuts) {
    v1::SnapshotRecord member;
    *member.mutable_created() = record.created();
    member.set_group_snapshot_id(record.id());
    RETURN_IF_ERROR(OfMember(cut, cut.Seal(std::move(member))));
  }
  return CommitAll(plan, cuts, std::move(record));
}

}  // namespace nodevol::storage

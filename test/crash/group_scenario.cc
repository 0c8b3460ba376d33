// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "test/crash/scenario.h"
#include "test/crash/steps.h"
#include "test/support/frozen_too_long.h"

namespace nodevol::testing {
namespace {

// The second volume has its place for a moment, as all steps know only the first.
class AsSecond {
 public:
  explicit AsSecond(World& world) : world_(world) {
    std::swap(world.volume_id, world.second_volume_id);
  }
  ~AsSecond() { std::swap(world_.volume_id, world_.second_volume_id); }
  AsSecond(const AsSecond&) = delete;
  AsSecond& operator=(const AsSecond&) = delete;

 private:
  World& world_;
};

absl::Status CreateSecondWithContent(World& world) {
  ASSIGN_OR_RETURN(const csi::v1::Volume volume,
                   world.client().Create("second", world.ground().volume_bytes));
  world.second_volume_id = volume.volume_id();
  const AsSecond second(world);
  RETURN_IF_ERROR(Stage(world));
  RETURN_IF_ERROR(Publish(world));
  RETURN_IF_ERROR(world.WriteContent(kBefore));
  RETURN_IF_ERROR(Unpublish(world));
  return Unstage(world);
}

// Volumes that can be frozen are in use: that is what could go wrong.
bool CanBeFrozen(const Ground& ground) {
  return ground.pool_filesystem != host::FilesystemType::kExt4 &&
         ground.volume_class.capability.has_mount() && ground.volume_class.parameters.empty();
}

absl::Status CreateTwoInUse(World& world) {
  RETURN_IF_ERROR(CreateWithContent(world));
  RETURN_IF_ERROR(CreateSecondWithContent(world));
  if (!CanBeFrozen(world.ground())) return absl::OkStatus();
  RETURN_IF_ERROR(Stage(world));
  RETURN_IF_ERROR(Publish(world));
  RETURN_IF_ERROR(world.client().Stage(world.second_volume_id, world.second_staging()));
  return world.client().Publish(world.second_volume_id, world.second_staging(),
                                world.second_target());
}

absl::Status TakeGroup(World& world) {
  absl::StatusOr<csi::v1::VolumeGroupSnapshot> group;
  do {
    group = world.client().SnapshotGroup("group", {world.volume_id, world.second_volume_id});
  } while (WasFrozenTooLong(group.status()));
  RETURN_IF_ERROR(group.status());
  world.group = *std::move(group);
  return absl::OkStatus();
}

absl::Status CreateTwoWithGroup(World& world) {
  RETURN_IF_ERROR(CreateWithContent(world));
  RETURN_IF_ERROR(CreateSecondWithContent(world));
  return TakeGroup(world);
}

absl::Status GetGroup(World& world) {
  csi::v1::GetVolumeGroupSnapshotRequest request;
  request.set_group_snapshot_id(world.group.group_snapshot_id());
  for (const auto& snapshot : world.group.snapshots()) {
    request.add_snapshot_ids(snapshot.snapshot_id());
  }
  return world.client()
      .csi()
      .Call(&CsiClient::GroupController::GetVolumeGroupSnapshot, request)
      .status();
}

// The group is there without being asked for again, and each of its members can be restored.
absl::Status VerifyGroup(World& world) {
  RETURN_IF_ERROR(GetGroup(world));
  RETURN_IF_ERROR(Unpublish(world));
  RETURN_IF_ERROR(Unstage(world));
  RETURN_IF_ERROR(world.client().Unpublish(world.second_volume_id, world.second_target()));
  RETURN_IF_ERROR(world.client().Unstage(world.second_volume_id, world.second_staging()));
  for (const auto& snapshot : world.group.snapshots()) {
    ASSIGN_OR_RETURN(const csi::v1::Volume restored,
                     world.client().Restore(absl::StrCat("of-", snapshot.snapshot_id()),
                                            snapshot.snapshot_id()));
    world.restored_id = restored.volume_id();
    RETURN_IF_ERROR(VerifyRestoredAlone(world));
  }
  RETURN_IF_ERROR(VerifyContent(world));
  const AsSecond second(world);
  return VerifyContent(world);
}

absl::Status DeleteGroup(World& world) {
  RETURN_IF_ERROR(world.client().DeleteGroup(world.group));
  return world.AwaitReaped();
}

absl::Status VerifyGroupDeleted(World& world) {
  if (!absl::IsNotFound(GetGroup(world))) return absl::InternalError("the group is still there");
  for (const auto& snapshot : world.group.snapshots()) {
    world.snapshot_id = snapshot.snapshot_id();
    if (!absl::IsNotFound(Restore(world))) {
      return absl::InternalError("a member of the deleted group can be used");
    }
  }
  RETURN_IF_ERROR(VerifyContent(world));
  const AsSecond second(world);
  return VerifyContent(world);
}

}  // namespace

const std::vector<Scenario>& GroupScenarios() {
  static const auto* const scenarios = new std::vector<Scenario>{
      {"CreateVolumeGroupSnapshot", CreateTwoInUse, TakeGroup, VerifyGroup},
      {"DeleteVolumeGroupSnapshot", CreateTwoWithGroup, DeleteGroup, VerifyGroupDeleted},
  };
  return *scenarios;
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include "test/crash/steps.h"

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace nodevol::testing {
namespace {

constexpr char kVolume[] = "volume";
constexpr char kSnapshot[] = "snapshot";
constexpr char kRestored[] = "restored";

}  // namespace

absl::Status Create(World& world) {
  ASSIGN_OR_RETURN(const csi::v1::Volume volume,
                   world.client().Create(kVolume, world.ground().volume_bytes));
  world.volume_id = volume.volume_id();
  return absl::OkStatus();
}

absl::Status Stage(World& world) { return world.client().Stage(world.volume_id, world.staging()); }

absl::Status Publish(World& world) {
  return world.client().Publish(world.volume_id, world.staging(), world.target());
}

absl::Status Unpublish(World& world) {
  return world.client().Unpublish(world.volume_id, world.target());
}

absl::Status Unstage(World& world) {
  return world.client().Unstage(world.volume_id, world.staging());
}

absl::Status TakeSnapshot(World& world) {
  ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot,
                   world.client().Snapshot(kSnapshot, world.volume_id));
  world.snapshot_id = snapshot.snapshot_id();
  return absl::OkStatus();
}

absl::Status ExpectContent(World& world, const std::string& expected) {
  ASSIGN_OR_RETURN(const std::string content, world.ReadContent());
  if (content == expected) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the volume has \"", content, "\", not \"", expected, "\""));
}

absl::Status ExpectUsable(World& world, const std::string& expected) {
  RETURN_IF_ERROR(Stage(world));
  RETURN_IF_ERROR(Publish(world));
  if (!expected.empty()) RETURN_IF_ERROR(ExpectContent(world, expected));
  RETURN_IF_ERROR(world.WriteContent("written after"));
  RETURN_IF_ERROR(ExpectContent(world, "written after"));
  RETURN_IF_ERROR(Unpublish(world));
  return Unstage(world);
}

absl::Status CreateWithContent(World& world) {
  RETURN_IF_ERROR(Create(world));
  RETURN_IF_ERROR(Stage(world));
  RETURN_IF_ERROR(Publish(world));
  RETURN_IF_ERROR(world.WriteContent(kBefore));
  RETURN_IF_ERROR(Unpublish(world));
  return Unstage(world);
}

absl::Status CreateWithSnapshot(World& world) {
  RETURN_IF_ERROR(CreateWithContent(world));
  return TakeSnapshot(world);
}

absl::Status VerifyContent(World& world) { return ExpectUsable(world, kBefore); }

absl::Status Restore(World& world) {
  ASSIGN_OR_RETURN(const csi::v1::Volume volume,
                   world.client().Restore(kRestored, world.snapshot_id));
  world.restored_id = volume.volume_id();
  return absl::OkStatus();
}

absl::Status VerifyRestoredAlone(World& world) {
  const std::string original = world.volume_id;
  world.volume_id = world.restored_id;
  const absl::Status restored = ExpectUsable(world, kBefore);
  world.volume_id = original;
  return restored;
}

}  // namespace nodevol::testing

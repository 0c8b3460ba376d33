// SPDX-License-Identifier: Apache-2.0
#include "test/service/hostile_answers.h"

#include <map>
#include <string>
#include <utility>

namespace nodevol::testing {
namespace {

using enum absl::StatusCode;

TextAnswers All(absl::StatusCode code, std::string names = "") {
  return {code, code, code, code, code, std::move(names)};
}
// Any text is right there, or the spec lets us ignore the field.
TextAnswers Accepted() { return All(kOk); }
TextAnswers Invalid(std::string names) { return All(kInvalidArgument, std::move(names)); }
// A volume or snapshot that must exist.
TextAnswers Existing() { return All(kNotFound); }
// One that is to be deleted: what is not ours is not there, but of a pool that is not here nothing
// can be said.
TextAnswers Deleted(std::string names) {
  return {kInvalidArgument, kInvalidArgument, kOk, kUnavailable, kOk, std::move(names)};
}
// One that is to be undone on this node.
TextAnswers Undone() { return {kNotFound, kNotFound, kNotFound, kOk, kOk, ""}; }
// A path whose parent must exist.
TextAnswers Target(std::string names) {
  return {kInvalidArgument, kFailedPrecondition, kInvalidArgument,
          kInvalidArgument, kInvalidArgument,    std::move(names)};
}
// A path that may be gone.
TextAnswers FormerTarget(std::string names) {
  TextAnswers answers = Target(std::move(names));
  answers.absolute = kOk;
  return answers;
}

using Table = std::map<std::string, TextAnswers>;

// By the field's name, in every request but those below.
const Table& Common() {
  static const Table table = {
      {"volume_id", Existing()},
      {"source_volume_id", Existing()},
      {"source_volume_ids", Existing()},
      {"group_snapshot_id", Existing()},
      {"snapshot_id", Existing()},
      {"base_snapshot_id", Existing()},
      {"target_snapshot_id", Existing()},
      {"fs_type", Invalid("filesystem type")},
      {"mount_flags", Invalid("mount flag")},
      {"volume_mount_group", Invalid("volume_mount_group")},
      {"parameters", Invalid("parameter")},
      {"mutable_parameters", Invalid("mutable parameter")},
      {"starting_token", All(kAborted, "starting_token")},
      {"secrets", Accepted()},
      {"volume_context", Accepted()},
      {"publish_context", Accepted()},
      {"name", Accepted()},
      {"staging_target_path", Target("staging_target_path")},
      {"target_path", Target("target_path")},
  };
  return table;
}

// By the field's whole name.
const Table& Particular() {
  static const Table table = {
      {"CreateVolumeRequest.accessibility_requirements.requisite.segments",
       All(kResourceExhausted, "accessibility requirements")},
      {"CreateVolumeRequest.accessibility_requirements.preferred.segments", Accepted()},
      {"CreateSnapshotRequest.accessibility_requirements.requisite.segments",
       Invalid("accessibility_requirements")},
      {"CreateSnapshotRequest.accessibility_requirements.preferred.segments",
       Invalid("accessibility_requirements")},
      {"DeleteVolumeRequest.volume_id", Deleted("volume_id")},
      {"DeleteSnapshotRequest.snapshot_id", Deleted("snapshot_id")},
      {"DeleteVolumeGroupSnapshotRequest.group_snapshot_id", Deleted("group_snapshot_id")},
      // Of a group that is not there.
      {"DeleteVolumeGroupSnapshotRequest.snapshot_ids", Accepted()},
      {"GetVolumeGroupSnapshotRequest.snapshot_ids", Invalid("snapshot_ids")},
      {"ControllerPublishVolumeRequest.node_id", All(kNotFound)},
      {"ControllerUnpublishVolumeRequest.volume_id",
       {kInvalidArgument, kInvalidArgument, kOk, kOk, kOk, "volume_id"}},
      {"ControllerUnpublishVolumeRequest.node_id", Accepted()},
      // Not confirmed, which is an answer.
      {"ValidateVolumeCapabilitiesRequest.volume_capabilities.mount.fs_type", Accepted()},
      {"ValidateVolumeCapabilitiesRequest.volume_capabilities.mount.mount_flags", Accepted()},
      {"ValidateVolumeCapabilitiesRequest.volume_capabilities.mount.volume_mount_group",
       Accepted()},
      {"ValidateVolumeCapabilitiesRequest.parameters", Accepted()},
      {"ValidateVolumeCapabilitiesRequest.mutable_parameters", Accepted()},
      // There is room for nothing, which is an answer too.
      {"GetCapacityRequest.volume_capabilities.mount.fs_type", Accepted()},
      {"GetCapacityRequest.volume_capabilities.mount.mount_flags", Accepted()},
      {"GetCapacityRequest.volume_capabilities.mount.volume_mount_group", Accepted()},
      {"GetCapacityRequest.parameters", Accepted()},
      {"GetCapacityRequest.accessible_topology.segments", Accepted()},
      // An empty list.
      {"ListSnapshotsRequest.source_volume_id", Accepted()},
      {"ListSnapshotsRequest.snapshot_id", Accepted()},
      {"NodeUnstageVolumeRequest.volume_id", Undone()},
      {"NodeUnstageVolumeRequest.staging_target_path", FormerTarget("staging_target_path")},
      {"NodeUnpublishVolumeRequest.volume_id", Undone()},
      {"NodeUnpublishVolumeRequest.target_path", FormerTarget("target_path")},
      // The volume is not there.
      {"NodeGetVolumeStatsRequest.volume_path", All(kNotFound)},
      {"NodeExpandVolumeRequest.volume_path", All(kNotFound)},
      // Where it is mounted the driver knows itself.
      {"NodeGetVolumeHealthRequest.volume_publish_path", FormerTarget("volume_publish_path")},
      {"NodeGetVolumeHealthRequest.staging_target_path", FormerTarget("staging_target_path")},
      // The volume's path says all.
      {"NodeGetVolumeStatsRequest.staging_target_path", Accepted()},
      {"NodeExpandVolumeRequest.staging_target_path", Accepted()},
  };
  return table;
}

}  // namespace

std::optional<TextAnswers> AnswersTo(const TextField& field) {
  const auto particular = Particular().find(field.Name());
  if (particular != Particular().end()) return particular->second;
  const auto common = Common().find(field.field().name());
  if (common != Common().end()) return common->second;
  return std::nullopt;
}

std::optional<absl::StatusCode> AnswerTo(const NumberField& field) {
  static const std::map<std::string, absl::StatusCode> common = {
      {"required_bytes", kInvalidArgument}, {"limit_bytes", kInvalidArgument},
      {"max_entries", kInvalidArgument},    {"max_results", kInvalidArgument},
      {"starting_offset", kOutOfRange},     {"mode", kInvalidArgument},
  };
  // Answers, as above.
  static const std::map<std::string, absl::StatusCode> particular = {
      {"ValidateVolumeCapabilitiesRequest.volume_capabilities.access_mode.mode", kOk},
      {"GetCapacityRequest.volume_capabilities.access_mode.mode", kOk},
  };
  const auto found = particular.find(field.Name());
  if (found != particular.end()) return found->second;
  const auto by_name = common.find(field.field().name());
  if (by_name != common.end()) return by_name->second;
  return std::nullopt;
}

}  // namespace nodevol::testing

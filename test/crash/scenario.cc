// SPDX-License-Identifier: Apache-2.0
#include "test/crash/scenario.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "test/crash/steps.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

absl::Status Nothing(World&) { return absl::OkStatus(); }

absl::Status VerifyCreated(World& world) { return ExpectUsable(world, ""); }

// ---- Controller ----

// And the source still does.
absl::Status VerifyRestored(World& world) {
  RETURN_IF_ERROR(VerifyRestoredAlone(world));
  return ExpectUsable(world, kBefore);
}

// The snapshot is there without being asked for again, and can be restored.
absl::Status VerifySnapshot(World& world) {
  csi::v1::GetSnapshotRequest request;
  request.set_snapshot_id(world.snapshot_id);
  RETURN_IF_ERROR(world.client().csi().Call(&CsiClient::Controller::GetSnapshot, request).status());
  RETURN_IF_ERROR(Restore(world));
  return VerifyRestored(world);
}

// The reaper's work is a part of it.
absl::Status Delete(World& world) {
  RETURN_IF_ERROR(world.client().Delete(world.volume_id));
  return world.AwaitReaped();
}

absl::StatusOr<int> CountVolumes(World& world) {
  ASSIGN_OR_RETURN(const auto listed, world.client().csi().Call(&CsiClient::Controller::ListVolumes,
                                                                csi::v1::ListVolumesRequest()));
  return listed.entries_size();
}

absl::Status VerifyDeleted(World& world) {
  ASSIGN_OR_RETURN(const int volumes, CountVolumes(world));
  if (volumes != 0) return absl::InternalError("the deleted volume is listed");
  const absl::Status staged = Stage(world);
  return absl::IsNotFound(staged) ? absl::OkStatus()
                                  : absl::InternalError("the deleted volume can be staged");
}

absl::Status DeleteSnapshot(World& world) {
  RETURN_IF_ERROR(world.client().DeleteSnapshot(world.snapshot_id));
  return world.AwaitReaped();
}

absl::Status VerifySnapshotDeleted(World& world) {
  const absl::Status restored = Restore(world);
  if (!absl::IsNotFound(restored)) return absl::InternalError("the deleted snapshot can be used");
  return VerifyContent(world);
}

absl::Status Expand(World& world) {
  return world.client().ControllerExpand(world.volume_id, 2 * world.ground().volume_bytes).status();
}

absl::Status VerifyExpanded(World& world) {
  csi::v1::ControllerGetVolumeRequest request;
  request.set_volume_id(world.volume_id);
  ASSIGN_OR_RETURN(const auto volume,
                   world.client().csi().Call(&CsiClient::Controller::ControllerGetVolume, request));
  if (volume.volume().capacity_bytes() != 2 * world.ground().volume_bytes) {
    return absl::InternalError(
        absl::StrCat("the volume has ", volume.volume().capacity_bytes(), " bytes"));
  }
  RETURN_IF_ERROR(Stage(world));
  RETURN_IF_ERROR(Publish(world));
  ASSIGN_OR_RETURN(const auto stats, world.client().Stats(world.volume_id, world.target()));
  // A filesystem keeps a part of its device for itself.
  if (stats.usage(0).total() < world.ground().volume_bytes * 3 / 2) {
    return absl::InternalError(
        absl::StrCat("the pod sees ", stats.usage(0).total(), " bytes after the expansion"));
  }
  RETURN_IF_ERROR(Unpublish(world));
  RETURN_IF_ERROR(Unstage(world));
  return VerifyContent(world);
}

absl::Status SetUndeleteWindow(World& world, const std::string& window) {
  csi::v1::ControllerModifyVolumeRequest request;
  request.set_volume_id(world.volume_id);
  (*request.mutable_mutable_parameters())["undeleteWindow"] = window;
  return world.client()
      .csi()
      .Call(&CsiClient::Controller::ControllerModifyVolume, request)
      .status();
}

absl::Status Modify(World& world) { return SetUndeleteWindow(world, "1h"); }

// The volume, given back its old ways, goes when it is deleted.
absl::Status VerifyUndeleted(World& world) {
  RETURN_IF_ERROR(SetUndeleteWindow(world, "0"));
  return VerifyContent(world);
}

// The record says it.
absl::Status VerifyModified(World& world) {
  csi::v1::ValidateVolumeCapabilitiesRequest request;
  request.set_volume_id(world.volume_id);
  *request.add_volume_capabilities() = world.ground().volume_class.capability;
  (*request.mutable_mutable_parameters())["undeleteWindow"] = "1h";
  ASSIGN_OR_RETURN(
      const auto response,
      world.client().csi().Call(&CsiClient::Controller::ValidateVolumeCapabilities, request));
  if (!response.has_confirmed()) return absl::InternalError(response.message());
  return VerifyUndeleted(world);
}

absl::Status CreateAndDeleteKept(World& world) {
  RETURN_IF_ERROR(CreateWithContent(world));
  RETURN_IF_ERROR(SetUndeleteWindow(world, "1h"));
  return world.client().Delete(world.volume_id);
}

// Over the admin socket.
absl::Status Undelete(World& world) {
  admin::v1::UndeleteVolumeRequest request;
  request.set_volume(world.volume_id);
  const absl::Status undeleted =
      world.admin().Call(&CsiClient::Admin::UndeleteVolume, request).status();
  // An earlier try may have brought it back: what is there then, is verified.
  return absl::IsAlreadyExists(undeleted) ? absl::OkStatus() : undeleted;
}

absl::Status ControllerPublish(World& world) {
  csi::v1::ControllerPublishVolumeRequest request;
  request.set_volume_id(world.volume_id);
  request.set_node_id("node-1");
  *request.mutable_volume_capability() = world.ground().volume_class.capability;
  return world.client()
      .csi()
      .Call(&CsiClient::Controller::ControllerPublishVolume, request)
      .status();
}

absl::Status VerifyControllerPublished(World& world) {
  const absl::Status deleted = world.client().Delete(world.volume_id);
  if (!absl::IsFailedPrecondition(deleted)) {
    return absl::InternalError("a published volume can be deleted");
  }
  return VerifyContent(world);
}

// ---- Node ----

absl::Status CreateAndStage(World& world) {
  RETURN_IF_ERROR(CreateWithContent(world));
  return Stage(world);
}

absl::Status CreateAndPublish(World& world) {
  RETURN_IF_ERROR(CreateAndStage(world));
  return Publish(world);
}

absl::Status CreatePublishAndUnpublish(World& world) {
  RETURN_IF_ERROR(CreateAndPublish(world));
  return Unpublish(world);
}

absl::Status VerifyPublished(World& world) {
  RETURN_IF_ERROR(ExpectContent(world, kBefore));
  RETURN_IF_ERROR(world.WriteContent("from the pod"));
  return ExpectContent(world, "from the pod");
}

absl::Status VerifyUnpublished(World& world) {
  if (::access(world.target().c_str(), F_OK) == 0) return absl::InternalError("the target is left");
  RETURN_IF_ERROR(Publish(world));
  return VerifyPublished(world);
}

absl::Status VerifyUnstaged(World& world) {
  const absl::Status published = Publish(world);
  if (!absl::IsFailedPrecondition(published)) {
    return absl::InternalError("an unstaged volume can be published");
  }
  return VerifyContent(world);
}

// ---- Inline volumes ----

absl::Status PublishInline(World& world) {
  world.inline_id = "csi-" + std::string(64, '0');
  return world.client().PublishInline(world.inline_id, world.target(), world.ground().volume_bytes);
}

absl::Status PublishInlineWithContent(World& world) {
  RETURN_IF_ERROR(PublishInline(world));
  return world.WriteContent(kBefore);
}

// The reaper's work is a part of it.
absl::Status UnpublishInline(World& world) {
  RETURN_IF_ERROR(world.client().Unpublish(world.inline_id, world.target()));
  return world.AwaitReaped();
}

// The pod is deleted while its publish is cut: kubelet does not repeat it, but unpublishes.
absl::Status PublishInlineAndGiveUp(World& world) {
  return world.inline_id.empty() ? PublishInline(world) : UnpublishInline(world);
}

absl::Status VerifyInlinePublished(World& world) {
  RETURN_IF_ERROR(world.WriteContent("from the pod"));
  RETURN_IF_ERROR(ExpectContent(world, "from the pod"));
  // Publishing it again changes nothing.
  RETURN_IF_ERROR(PublishInline(world));
  RETURN_IF_ERROR(ExpectContent(world, "from the pod"));
  ASSIGN_OR_RETURN(const int volumes, CountVolumes(world));
  if (volumes != 0) return absl::InternalError("the inline volume is listed");
  return absl::OkStatus();
}

absl::Status VerifyInlineUnpublished(World& world) {
  if (::access(world.target().c_str(), F_OK) == 0) return absl::InternalError("the target is left");
  return CheckEmpty(world.disk().path() + "/volumes");
}

}  // namespace

const std::vector<Scenario>& ControllerScenarios() {
  static const auto* const scenarios = new std::vector<Scenario>{
      {"CreateVolume", Nothing, Create, VerifyCreated},
      {"CreateVolumeFromSnapshot", CreateWithSnapshot, Restore, VerifyRestored},
      {"DeleteVolume", CreateWithContent, Delete, VerifyDeleted},
      {"CreateSnapshot", CreateWithContent, TakeSnapshot, VerifySnapshot},
      {"DeleteSnapshot", CreateWithSnapshot, DeleteSnapshot, VerifySnapshotDeleted},
      {"ControllerExpandVolume", CreateWithContent, Expand, VerifyExpanded},
      {"ControllerModifyVolume", CreateWithContent, Modify, VerifyModified},
      {"UndeleteVolume", CreateAndDeleteKept, Undelete, VerifyUndeleted},
      {"ControllerPublishVolume", CreateWithContent, ControllerPublish, VerifyControllerPublished},
  };
  return *scenarios;
}

const std::vector<Scenario>& NodeScenarios() {
  static const auto* const scenarios = new std::vector<Scenario>{
      {"NodeStageVolume", CreateWithContent, Stage, VerifyContent},
      {"NodePublishVolume", CreateAndStage, Publish, VerifyPublished},
      {"NodeUnpublishVolume", CreateAndPublish, Unpublish, VerifyUnpublished},
      {"NodeUnstageVolume", CreatePublishAndUnpublish, Unstage, VerifyUnstaged},
  };
  return *scenarios;
}

const std::vector<Scenario>& InlineScenarios() {
  static const auto* const scenarios = new std::vector<Scenario>{
      {"NodePublishInlineVolume", Nothing, PublishInline, VerifyInlinePublished},
      {"NodePublishInlineVolumeGivenUp", Nothing, PublishInlineAndGiveUp, VerifyInlineUnpublished},
      {"NodeUnpublishInlineVolume", PublishInlineWithContent, UnpublishInline,
       VerifyInlineUnpublished},
  };
  return *scenarios;
}

}  // namespace nodevol::testing

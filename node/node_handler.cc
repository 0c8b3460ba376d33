// SPDX-License-Identifier: Apache-2.0
#include "node/node_handler.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "node/forgotten_mount.h"
#include "node/target_path.h"
#include "node/volume_mounter.h"
#include "rpc/convert.h"
#include "storage/capability.h"

namespace nodevol::node {
namespace {

using storage::LocalVolume;
using storage::VolumeId;

constexpr size_t kForgottenThreads = 2;
constexpr char kStagingPath[] = "staging_target_path";
constexpr char kTargetPath[] = "target_path";

absl::Status Required(absl::string_view field) {
  return absl::InvalidArgumentError(absl::StrCat(field, " is required"));
}

absl::Status NoSuchVolume(absl::string_view id) {
  return absl::NotFoundError(absl::StrCat("volume \"", id, "\" does not exist on this node"));
}

csi::v1::NodeGetVolumeStatsResponse ToCsi(const storage::VolumeUsage& usage, bool block) {
  csi::v1::NodeGetVolumeStatsResponse response;
  csi::v1::VolumeUsage& bytes = *response.add_usage();
  bytes.set_unit(csi::v1::VolumeUsage::BYTES);
  bytes.set_total(usage.total_bytes);
  if (!block) {
    bytes.set_used(usage.used_bytes);
    bytes.set_available(usage.available_bytes);
  }
  if (usage.inodes.has_value()) {
    csi::v1::VolumeUsage& inodes = *response.add_usage();
    inodes.set_unit(csi::v1::VolumeUsage::INODES);
    inodes.set_total(usage.inodes->total);
    inodes.set_used(usage.inodes->used);
    inodes.set_available(usage.inodes->available);
  }
  return response;
}

}  // namespace

NodeHandler::NodeHandler(storage::LocalStorage& storage, rpc::Topology topology)
    : storage_(storage),
      topology_(std::move(topology)),
      forgotten_({.name = "forgotten", .threads = kForgottenThreads}) {}

template <typename Response>
void NodeHandler::OnVolume(const std::string& volume_id,
                           absl::AnyInvocable<absl::Status(LocalVolume&)> work,
                           Callback<Response> done) {
  const std::optional<VolumeId> id = VolumeId::Parse(volume_id);
  if (!id.has_value()) return std::move(done)(NoSuchVolume(volume_id));
  storage_.WithVolume<Response>(
      *id, /*exclusive=*/true,
      [run = std::move(work)](LocalVolume& volume) mutable -> absl::StatusOr<Response> {
        RETURN_IF_ERROR(run(volume));
        return Response();
      },
      std::move(done));
}

template <typename Response>
void NodeHandler::OnForgotten(const std::string& volume_id,
                              absl::AnyInvocable<absl::Status(const VolumeId&)> work,
                              Callback<Response> done) {
  const std::optional<VolumeId> id = VolumeId::Parse(volume_id);
  if (!id.has_value()) return std::move(done)(NoSuchVolume(volume_id));
  auto answer = std::make_shared<StatusCallback>(AnsweringEmpty(std::move(done)));
  const bool posted = forgotten_.TryPost([answer, id, run = std::move(work)]() mutable {
    std::move (*answer)(Guarded([&] { return run(*id); }));
  });
  if (!posted) {
    std::move (*answer)(
        absl::UnavailableError("too many operations wait, or the driver is stopping; retry"));
  }
}

absl::StatusOr<TargetPath> NodeHandler::OpenOutsidePools(const PathField& path) const {
  absl::StatusOr<TargetPath> target = OpenTarget(path.value);
  if (!target.ok()) return Annotate(target.status(), path.name);
  if (storage_.IsInPool(target->canonical)) {
    return absl::InvalidArgumentError(absl::StrCat(path.name, ": ", target->canonical,
                                                   " is in a pool; volumes are mounted elsewhere"));
  }
  return target;
}

absl::StatusOr<TargetPath> NodeHandler::OpenExistingTarget(const PathField& path) const {
  absl::StatusOr<TargetPath> target = OpenOutsidePools(path);
  if (ErrnoOf(target.status()) == 0) return target;
  return absl::FailedPreconditionError(
      absl::StrCat(path.name, " ", path.value, ": its parent can't be opened (",
                   target.status().message(), "); the CO makes it before it calls"));
}

absl::StatusOr<std::optional<TargetPath>> NodeHandler::OpenFormerTarget(
    const PathField& path) const {
  absl::StatusOr<TargetPath> target = OpenOutsidePools(path);
  if (IsMissing(target.status())) return std::optional<TargetPath>();
  RETURN_IF_ERROR(target.status());
  return std::optional<TargetPath>(*std::move(target));
}

void NodeHandler::StageVolume(const csi::v1::NodeStageVolumeRequest& request,
                              Callback<csi::v1::NodeStageVolumeResponse> done) {
  v1::VolumeCapability capability;
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return Required("volume_id");
    if (request.staging_target_path().empty()) return Required(kStagingPath);
    if (!request.has_volume_capability()) return Required("volume_capability");
    ASSIGN_OR_RETURN(capability, rpc::ParseCapability(request.volume_capability()));
    return absl::OkStatus();
  }();
  if (!valid.ok()) return std::move(done)(valid);
  OnVolume(
      request.volume_id(),
      [this, capability,
       path = request.staging_target_path()](LocalVolume& volume) -> absl::Status {
        ASSIGN_OR_RETURN(const TargetPath staging, OpenExistingTarget({kStagingPath, path}));
        return node::StageVolume(volume, staging, capability);
      },
      std::move(done));
}

void NodeHandler::UnstageVolume(const csi::v1::NodeUnstageVolumeRequest& request,
                                Callback<csi::v1::NodeUnstageVolumeResponse> done) {
  if (request.volume_id().empty()) return std::move(done)(Required("volume_id"));
  const std::string& path = request.staging_target_path();
  if (path.empty()) return std::move(done)(Required(kStagingPath));
  if (!storage_.Serves(request.volume_id())) {
    return OnForgotten(
        request.volume_id(),
        [this, path](const VolumeId& id) -> absl::Status {
          ASSIGN_OR_RETURN(const std::optional<TargetPath> staging,
                           OpenFormerTarget({kStagingPath, path}));
          return staging.has_value() ? UndoForgottenStage(id, *staging) : absl::OkStatus();
        },
        std::move(done));
  }
  OnVolume(
      request.volume_id(),
      [this, path](LocalVolume& volume) -> absl::Status {
        ASSIGN_OR_RETURN(const std::optional<TargetPath> staging,
                         OpenFormerTarget({kStagingPath, path}));
        return staging.has_value() ? node::UnstageVolume(volume, *staging) : absl::OkStatus();
      },
      std::move(done));
}

void NodeHandler::PublishVolume(const csi::v1::NodePublishVolumeRequest& request,
                                Callback<csi::v1::NodePublishVolumeResponse> done) {
  v1::VolumeCapability capability;
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return Required("volume_id");
    if (request.target_path().empty()) return Required(kTargetPath);
    if (!request.has_volume_capability()) return Required("volume_capability");
    ASSIGN_OR_RETURN(capability, rpc::ParseCapability(request.volume_capability()));
    if (request.staging_target_path().empty()) {
      return absl::FailedPreconditionError(
          "staging_target_path is not set; volumes are staged before they are published");
    }
    return absl::OkStatus();
  }();
  if (!valid.ok()) return std::move(done)(valid);
  OnVolume(
      request.volume_id(),
      [this, capability, read_only = request.readonly(), to = request.target_path(),
       from = request.staging_target_path()](LocalVolume& volume) -> absl::Status {
        ASSIGN_OR_RETURN(const TargetPath staging, OpenExistingTarget({kStagingPath, from}));
        ASSIGN_OR_RETURN(const TargetPath target, OpenExistingTarget({kTargetPath, to}));
        return node::PublishVolume(volume, {staging, target, capability, read_only});
      },
      std::move(done));
}

void NodeHandler::UnpublishVolume(const csi::v1::NodeUnpublishVolumeRequest& request,
                                  Callback<csi::v1::NodeUnpublishVolumeResponse> done) {
  if (request.volume_id().empty()) return std::move(done)(Required("volume_id"));
  const std::string& path = request.target_path();
  if (path.empty()) return std::move(done)(Required(kTargetPath));
  if (!storage_.Serves(request.volume_id())) {
    return OnForgotten(
        request.volume_id(),
        [this, path](const VolumeId& id) -> absl::Status {
          ASSIGN_OR_RETURN(const std::optional<TargetPath> target,
                           OpenFormerTarget({kTargetPath, path}));
          return target.has_value() ? UndoForgottenPublish(id, *target) : absl::OkStatus();
        },
        std::move(done));
  }
  OnVolume(
      request.volume_id(),
      [this, path](LocalVolume& volume) -> absl::Status {
        ASSIGN_OR_RETURN(const std::optional<TargetPath> target,
                         OpenFormerTarget({kTargetPath, path}));
        return target.has_value() ? node::UnpublishVolume(volume, *target) : absl::OkStatus();
      },
      std::move(done));
}

void NodeHandler::GetVolumeStats(const csi::v1::NodeGetVolumeStatsRequest& request,
                                 Callback<csi::v1::NodeGetVolumeStatsResponse> done) {
  if (request.volume_id().empty()) return std::move(done)(Required("volume_id"));
  if (request.volume_path().empty()) return std::move(done)(Required("volume_path"));
  const std::optional<VolumeId> id = VolumeId::Parse(request.volume_id());
  if (!id.has_value()) return std::move(done)(NoSuchVolume(request.volume_id()));
  storage_.WithVolume<csi::v1::NodeGetVolumeStatsResponse>(
      *id, /*exclusive=*/false,
      [path = request.volume_path()](
          LocalVolume& volume) -> absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> {
        ASSIGN_OR_RETURN(const UniqueFd mounted, OpenVolumeAt(volume, path));
        ASSIGN_OR_RETURN(
            const storage::VolumeUsage usage,
            volume.backend().Usage(volume.object.get(), *volume.record, mounted.get()));
        return ToCsi(usage, storage::IsBlock(*volume.record));
      },
      std::move(done));
}

void NodeHandler::ExpandVolume(const csi::v1::NodeExpandVolumeRequest& request,
                               Callback<csi::v1::NodeExpandVolumeResponse> done) {
  const v1::CapacityRange range = rpc::FromCsi(request.capacity_range());
  std::optional<v1::VolumeCapability> capability;
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return Required("volume_id");
    if (request.volume_path().empty()) return Required("volume_path");
    if (range.required_bytes() < 0 || range.limit_bytes() < 0) {
      return absl::InvalidArgumentError(absl::StrCat("capacity_range is negative: required_bytes ",
                                                     range.required_bytes(), ", limit_bytes ",
                                                     range.limit_bytes()));
    }
    if (request.has_volume_capability()) {
      ASSIGN_OR_RETURN(capability, rpc::ParseCapability(request.volume_capability()));
    }
    return absl::OkStatus();
  }();
  if (!valid.ok()) return std::move(done)(valid);
  const std::optional<VolumeId> id = VolumeId::Parse(request.volume_id());
  if (!id.has_value()) return std::move(done)(NoSuchVolume(request.volume_id()));
  storage_.WithVolume<csi::v1::NodeExpandVolumeResponse>(
      *id, /*exclusive=*/true,
      [path = request.volume_path(), range,
       capability](LocalVolume& volume) -> absl::StatusOr<csi::v1::NodeExpandVolumeResponse> {
        if (capability.has_value()) {
          const absl::Status has = storage::CheckVolumeHas(*volume.record, *capability);
          // The spec's code is another here than when the volume is used.
          if (!has.ok()) return absl::InvalidArgumentError(has.message());
        }
        const int64_t size = volume.record->size_bytes();
        ASSIGN_OR_RETURN(const UniqueFd mounted, OpenVolumeAt(volume, path));
        if (range.required_bytes() > size ||
            (range.limit_bytes() > 0 && range.limit_bytes() < size)) {
          return absl::OutOfRangeError(
              absl::StrCat("the volume has ", size,
                           " bytes; ControllerExpandVolume changes that, and comes first"));
        }
        RETURN_IF_ERROR(
            volume.backend().GrowInUse(volume.object.get(), *volume.record, mounted.get()));
        csi::v1::NodeExpandVolumeResponse response;
        response.set_capacity_bytes(size);
        return response;
      },
      std::move(done));
}

csi::v1::NodeGetCapabilitiesResponse NodeHandler::GetCapabilities() const {
  using Rpc = csi::v1::NodeServiceCapability::RPC;
  csi::v1::NodeGetCapabilitiesResponse response;
  for (const Rpc::Type type : {Rpc::STAGE_UNSTAGE_VOLUME, Rpc::GET_VOLUME_STATS, Rpc::EXPAND_VOLUME,
                               Rpc::SINGLE_NODE_MULTI_WRITER}) {
    response.add_capabilities()->mutable_rpc()->set_type(type);
  }
  return response;
}

csi::v1::NodeGetInfoResponse NodeHandler::GetInfo() const {
  csi::v1::NodeGetInfoResponse response;
  response.set_node_id(storage_.node_id());
  *response.mutable_accessible_topology() = topology_.SegmentOf(storage_.node_id());
  return response;
}

}  // namespace nodevol::node

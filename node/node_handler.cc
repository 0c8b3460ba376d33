// SPDX-License-Identifier: Apache-2.0
#include "node/node_handler.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/monotonic.h"
#include "base/post_call.h"
#include "base/status_macros.h"
#include "node/forgotten_mount.h"
#include "node/inline_volume.h"
#include "node/request_error.h"
#include "node/request_path.h"
#include "node/volume_mounter.h"
#include "rpc/convert.h"
#include "rpc/required_field.h"
#include "storage/capability.h"
#include "storage/static_volume.h"

namespace nodevol::node {
namespace {

using storage::LocalVolume;
using storage::VolumeId;

constexpr size_t kForgottenThreads = 2;

// An id that is not ours in form is one of an inline volume, of which the request does not say that
// it is one, or of nothing.
absl::Status NotStagedOrNotInline(const csi::v1::NodePublishVolumeRequest& request) {
  constexpr absl::string_view kNotSet =
      "staging_target_path is not set; volumes are staged before they are published";
  if (VolumeId::Parse(request.volume_id()).has_value()) {
    return absl::FailedPreconditionError(kNotSet);
  }
  return absl::FailedPreconditionError(absl::StrCat(
      kNotSet, ". If this is a pod's inline volume: set podInfoOnMount in the CSIDriver object"));
}

}  // namespace

NodeHandler::NodeHandler(storage::LocalStorage& storage, rpc::Topology topology,
                         NodeOptions options)
    : storage_(storage),
      topology_(std::move(topology)),
      health_(options.health),
      forgotten_({.name = "forgotten", .threads = kForgottenThreads}),
      static_(storage, std::move(options.static_prefixes)),
      inline_(storage, forgotten_) {}

bool NodeHandler::Drain(absl::Duration timeout) {
  const absl::Duration deadline = MonotonicNow() + timeout;
  const bool undone = forgotten_.Close(timeout);
  return static_.Drain(deadline - MonotonicNow()) && undone;
}

std::optional<VolumeId> NodeHandler::ManagedId(absl::string_view volume_id) const {
  std::optional<VolumeId> id = VolumeId::Parse(volume_id);
  // The CO has another id for it.
  if (id.has_value() && storage_.IsInlineVolume(*id)) return std::nullopt;
  return id;
}

template <typename Response>
void NodeHandler::OnVolume(const std::string& volume_id,
                           absl::AnyInvocable<absl::Status(LocalVolume&)> work,
                           Callback<Response> done) {
  const std::optional<VolumeId> id = ManagedId(volume_id);
  if (!id.has_value()) return std::move(done)(NoSuchVolume(volume_id));
  storage_.WithVolume<Response>(
      *id, /*exclusive=*/true,
      [run = std::move(work)](LocalVolume& volume) mutable -> absl::StatusOr<Response> {
        RETURN_IF_ERROR(run(volume));
        return Response();
      },
      std::move(done));
}

struct NodeHandler::Undo {
  absl::string_view path_field;
  absl::Status (*of_volume)(LocalVolume&, const TargetPath&);
  absl::Status (*of_forgotten)(IsForgotten, const TargetPath&);
};

template <typename Response>
void NodeHandler::UndoForgottenMount(const std::string& volume_id, const std::string& path,
                                     const Undo& undo, Callback<Response> done) {
  const std::optional<VolumeId> id = VolumeId::Parse(volume_id);
  if (!id.has_value()) return std::move(done)(NoSuchVolume(volume_id));
  PostCall<Response>(
      forgotten_,
      [this, id, path, undo]() -> absl::StatusOr<Response> {
        ASSIGN_OR_RETURN(const std::optional<TargetPath> target,
                         OpenFormerTarget(storage_, {undo.path_field, path}));
        const auto is_it = [&id](const VolumeId& owner) { return owner == *id; };
        if (target.has_value()) RETURN_IF_ERROR(undo.of_forgotten(is_it, *target));
        return Response();
      },
      std::move(done));
}

template <typename Response>
void NodeHandler::UndoMount(const std::string& volume_id, const std::string& path, const Undo& undo,
                            Callback<Response> done) {
  if (!storage_.Serves(volume_id)) {
    return UndoForgottenMount(volume_id, path, undo, std::move(done));
  }
  OnVolume<Response>(
      volume_id,
      [this, path, undo](LocalVolume& volume) -> absl::Status {
        ASSIGN_OR_RETURN(const std::optional<TargetPath> target,
                         OpenFormerTarget(storage_, {undo.path_field, path}));
        return target.has_value() ? undo.of_volume(volume, *target) : absl::OkStatus();
      },
      [this, volume_id, path, undo,
       next = std::move(done)](absl::StatusOr<Response> answer) mutable {
        // Deleted since it was asked for.
        if (absl::IsNotFound(answer.status()) && !storage_.Serves(volume_id)) {
          return UndoForgottenMount(volume_id, path, undo, std::move(next));
        }
        std::move(next)(std::move(answer));
      });
}

void NodeHandler::StageVolume(const csi::v1::NodeStageVolumeRequest& request,
                              Callback<csi::v1::NodeStageVolumeResponse> done) {
  v1::VolumeCapability capability;
  const bool is_static = storage::IsStaticId(request.volume_id());
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return rpc::Required("volume_id");
    if (request.staging_target_path().empty()) return rpc::Required(kStagingPath);
    if (!request.has_volume_capability()) return rpc::Required("volume_capability");
    if (is_static) return static_.Stage(request);
    ASSIGN_OR_RETURN(capability, rpc::ParseCapability(request.volume_capability()));
    return absl::OkStatus();
  }();
  if (!valid.ok() || is_static) return AnsweringEmpty(std::move(done))(valid);
  OnVolume(
      request.volume_id(),
      [this, capability,
       path = request.staging_target_path()](LocalVolume& volume) -> absl::Status {
        ASSIGN_OR_RETURN(const TargetPath staging,
                         OpenExistingTarget(storage_, {kStagingPath, path}));
        return node::StageVolume(volume, staging, capability);
      },
      std::move(done));
}

void NodeHandler::UnstageVolume(const csi::v1::NodeUnstageVolumeRequest& request,
                                Callback<csi::v1::NodeUnstageVolumeResponse> done) {
  if (request.volume_id().empty()) return std::move(done)(rpc::Required("volume_id"));
  const std::string& path = request.staging_target_path();
  if (path.empty()) return std::move(done)(rpc::Required(kStagingPath));
  if (storage::IsStaticId(request.volume_id())) {
    return AnsweringEmpty(std::move(done))(static_.Unstage(request));
  }
  UndoMount(request.volume_id(), path, {kStagingPath, &node::UnstageVolume, &UndoForgottenStage},
            std::move(done));
}

void NodeHandler::PublishVolume(const csi::v1::NodePublishVolumeRequest& request,
                                Callback<csi::v1::NodePublishVolumeResponse> done) {
  v1::VolumeCapability capability;
  bool is_inline = false;
  const bool is_static = storage::IsStaticId(request.volume_id());
  const absl::Status valid = [&]() -> absl::Status {
    if (request.volume_id().empty()) return rpc::Required("volume_id");
    if (request.target_path().empty()) return rpc::Required(kTargetPath);
    if (!request.has_volume_capability()) return rpc::Required("volume_capability");
    ASSIGN_OR_RETURN(is_inline, IsInline(request));
    if (is_inline || is_static) return absl::OkStatus();
    ASSIGN_OR_RETURN(capability, rpc::ParseCapability(request.volume_capability()));
    return request.staging_target_path().empty() ? NotStagedOrNotInline(request) : absl::OkStatus();
  }();
  if (!valid.ok()) return std::move(done)(valid);
  if (is_inline) return inline_.Publish(request, std::move(done));
  if (is_static) return static_.Publish(request, std::move(done));
  OnVolume(
      request.volume_id(),
      [this, capability, read_only = request.readonly(), to = request.target_path(),
       from = request.staging_target_path()](LocalVolume& volume) -> absl::Status {
        ASSIGN_OR_RETURN(const TargetPath staging,
                         OpenExistingTarget(storage_, {kStagingPath, from}));
        ASSIGN_OR_RETURN(const TargetPath target, OpenExistingTarget(storage_, {kTargetPath, to}));
        return node::PublishVolume(volume, {staging, target, capability, read_only});
      },
      std::move(done));
}

void NodeHandler::UnpublishVolume(const csi::v1::NodeUnpublishVolumeRequest& request,
                                  Callback<csi::v1::NodeUnpublishVolumeResponse> done) {
  if (request.volume_id().empty()) return std::move(done)(rpc::Required("volume_id"));
  const std::string& path = request.target_path();
  if (path.empty()) return std::move(done)(rpc::Required(kTargetPath));
  if (storage::IsStaticId(request.volume_id())) return static_.Unpublish(request, std::move(done));
  if (storage::IsInlineId(request.volume_id())) {
    return inline_.Unpublish(request, std::move(done));
  }
  if (!VolumeId::Parse(request.volume_id()).has_value()) {
    return std::move(done)(NoSuchVolume(request.volume_id()));
  }
  UndoMount(request.volume_id(), path, {kTargetPath, &node::UnpublishVolume, &UndoForgottenPublish},
            std::move(done));
}

}  // namespace nodevol::node

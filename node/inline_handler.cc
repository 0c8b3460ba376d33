// SPDX-License-Identifier: Apache-2.0
#include "node/inline_handler.h"

#include <optional>
#include <utility>

#include "base/errno_status.h"
#include "base/path.h"
#include "base/post_call.h"
#include "base/status_macros.h"
#include "node/forgotten_mount.h"
#include "node/inline_garbage.h"
#include "node/inline_volume.h"
#include "node/request_path.h"
#include "node/volume_mounter.h"

namespace nodevol::node {
namespace {

using csi::v1::NodePublishVolumeResponse;
using csi::v1::NodeUnpublishVolumeResponse;
using storage::LocalVolume;
using storage::VolumeId;
using storage::VolumePtr;

constexpr absl::Duration kGarbageInterval = absl::Minutes(1);

}  // namespace

InlineHandler::InlineHandler(storage::LocalStorage& storage, Executor& forgotten)
    : storage_(storage),
      forgotten_(forgotten),
      garbage_("inline-garbage", kGarbageInterval, [&storage] { CollectInlineVolumes(storage); }) {}

std::optional<VolumeId> InlineHandler::Find(const std::string& volume_id) const {
  const absl::StatusOr<VolumePtr> record = storage_.FindInlineVolume(volume_id);
  return record.ok() ? VolumeId::Parse((*record)->id()) : std::nullopt;
}

void InlineHandler::Publish(const csi::v1::NodePublishVolumeRequest& request,
                            Callback<NodePublishVolumeResponse> done) {
  absl::StatusOr<InlineVolume> wanted = ParseInlineVolume(request);
  if (!wanted.ok()) return std::move(done)(wanted.status());
  absl::StatusOr<KeyedMutex::Lock> lock = storage_.LockInlineVolume(request.volume_id());
  if (!lock.ok()) return std::move(done)(lock.status());
  storage_.PublishInlineVolume(
      *std::move(lock), wanted->owner, wanted->request,
      [this, capability = wanted->capability(), read_only = request.readonly(),
       path = request.target_path()](LocalVolume& volume) -> absl::Status {
        ASSIGN_OR_RETURN(const TargetPath target,
                         OpenExistingTarget(storage_, {kTargetPath, path}));
        return PublishInline(volume, target, capability, read_only);
      },
      AnsweringEmpty(std::move(done)));
}

void InlineHandler::Unpublish(const csi::v1::NodeUnpublishVolumeRequest& request,
                              Callback<NodeUnpublishVolumeResponse> done) {
  const std::string& path = request.target_path();
  const absl::StatusOr<std::string> normal = NormalizePath(path);
  if (!normal.ok()) return std::move(done)(Annotate(normal.status(), kTargetPath));
  absl::StatusOr<KeyedMutex::Lock> lock = storage_.LockInlineVolume(request.volume_id());
  if (!lock.ok()) return std::move(done)(lock.status());
  const absl::StatusOr<VolumePtr> volume = storage_.FindInlineVolume(request.volume_id());
  if (volume.ok() && storage_.Serves((*volume)->id())) {
    return storage_.WithInlineVolume(
        *std::move(lock), *volume,
        [this, path, normal = *normal](LocalVolume& found) -> absl::Status {
          ASSIGN_OR_RETURN(const std::optional<TargetPath> target,
                           OpenFormerTarget(storage_, {kTargetPath, path}));
          if (target.has_value()) RETURN_IF_ERROR(UnpublishVolume(found, *target));
          // It goes with its own target only.
          if (found.record->ephemeral().target_path() != normal) return absl::OkStatus();
          return found.engine.DeleteVolume(*VolumeId::Parse(found.record->id()));
        },
        AnsweringEmpty(std::move(done)));
  }
  // Deleted by an earlier call; or its pool is not configured, its disk has failed, its record is
  // damaged.
  PostCall<NodeUnpublishVolumeResponse>(
      forgotten_,
      [this, held = *std::move(lock), path,
       id = request.volume_id()]() -> absl::StatusOr<NodeUnpublishVolumeResponse> {
        ASSIGN_OR_RETURN(const std::optional<TargetPath> target,
                         OpenFormerTarget(storage_, {kTargetPath, path}));
        if (!target.has_value()) return NodeUnpublishVolumeResponse();
        {  // Most often there is nothing, and the mount table need not be read.
          ASSIGN_OR_RETURN(const std::optional<UniqueFd> there, LookUp(*target));
          if (!there.has_value()) return NodeUnpublishVolumeResponse();
        }
        const std::string hash = storage::HashOfInlineVolume(id);
        RETURN_IF_ERROR(UndoForgottenPublish(
            [&hash](const VolumeId& owner) { return owner.name_hash() == hash; }, *target));
        return NodeUnpublishVolumeResponse();
      },
      std::move(done));
}

}  // namespace nodevol::node

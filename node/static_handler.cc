// SPDX-License-Identifier: Apache-2.0
#include "node/static_handler.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/path.h"
#include "base/post_call.h"
#include "base/status_macros.h"
#include "node/request_path.h"
#include "node/static_volume.h"
#include "rpc/convert.h"
#include "storage/static_volume.h"

namespace nodevol::node {
namespace {

using csi::v1::NodeGetVolumeStatsResponse;
using csi::v1::NodePublishVolumeResponse;
using csi::v1::NodeUnpublishVolumeResponse;

// Several, because one may wait for a server that is away.
constexpr size_t kThreads = 8;

// Of a stage or publish request: what it is about, as far as the request tells.
template <typename Request>
absl::StatusOr<StaticPublication> Parse(const Request& request) {
  RETURN_IF_ERROR(storage::CheckStaticId(request.volume_id()));
  StaticPublication wanted;
  ASSIGN_OR_RETURN(wanted.volume, storage::ParseStaticVolume(request.volume_context()));
  ASSIGN_OR_RETURN(wanted.capability, rpc::ParseStaticCapability(request.volume_capability()));
  RETURN_IF_ERROR(storage::CheckStaticCapability(wanted.volume.type, wanted.capability));
  return wanted;
}

}  // namespace

StaticHandler::StaticHandler(const storage::LocalStorage& storage, StaticPrefixes prefixes)
    : storage_(storage),
      prefixes_(std::move(prefixes)),
      workers_({.name = "static", .threads = kThreads}) {}

absl::StatusOr<KeyedMutex::Lock> StaticHandler::Lock(const std::string& key) {
  std::optional<KeyedMutex::Lock> lock = busy_.TryLock(key);
  if (lock.has_value()) return *std::move(lock);
  return absl::AbortedError(absl::StrCat("another operation on a static volume at ", key,
                                         " is under way; retry when it has ended"));
}

absl::StatusOr<KeyedMutex::Lock> StaticHandler::LockTarget(const std::string& path) {
  absl::StatusOr<std::string> normal = NormalizePath(path);
  if (!normal.ok()) return Annotate(normal.status(), kTargetPath);
  return Lock(*normal);
}

absl::Status StaticHandler::Stage(const csi::v1::NodeStageVolumeRequest& request) const {
  ASSIGN_OR_RETURN(const StaticPublication wanted, Parse(request));
  const absl::Status path = NormalizePath(request.staging_target_path()).status();
  if (!path.ok()) return Annotate(path, kStagingPath);
  return CheckAllowed(prefixes_, wanted.volume);
}

absl::Status StaticHandler::Unstage(const csi::v1::NodeUnstageVolumeRequest& request) const {
  RETURN_IF_ERROR(storage::CheckStaticId(request.volume_id()));
  return Annotate(NormalizePath(request.staging_target_path()).status(), kStagingPath);
}

void StaticHandler::Publish(const csi::v1::NodePublishVolumeRequest& request,
                            Callback<NodePublishVolumeResponse> done) {
  absl::StatusOr<StaticPublication> wanted = Parse(request);
  if (!wanted.ok()) return std::move(done)(wanted.status());
  wanted->read_only = request.readonly();
  absl::StatusOr<KeyedMutex::Lock> lock = LockTarget(request.target_path());
  if (!lock.ok()) return std::move(done)(lock.status());
  PostCall<NodePublishVolumeResponse>(
      workers_,
      [this, held = *std::move(lock), wanted = *std::move(wanted),
       path = request.target_path()]() -> absl::StatusOr<NodePublishVolumeResponse> {
        ASSIGN_OR_RETURN(const TargetPath target,
                         OpenExistingTarget(storage_, {kTargetPath, path}));
        RETURN_IF_ERROR(PublishStatic(storage_, prefixes_, wanted, target));
        return NodePublishVolumeResponse();
      },
      std::move(done));
}

void StaticHandler::Unpublish(const csi::v1::NodeUnpublishVolumeRequest& request,
                              Callback<NodeUnpublishVolumeResponse> done) {
  const absl::Status id = storage::CheckStaticId(request.volume_id());
  if (!id.ok()) return std::move(done)(id);
  absl::StatusOr<KeyedMutex::Lock> lock = LockTarget(request.target_path());
  if (!lock.ok()) return std::move(done)(lock.status());
  PostCall<NodeUnpublishVolumeResponse>(
      workers_,
      [this, held = *std::move(lock),
       path = request.target_path()]() -> absl::StatusOr<NodeUnpublishVolumeResponse> {
        ASSIGN_OR_RETURN(const std::optional<TargetPath> target,
                         OpenFormerTarget(storage_, {kTargetPath, path}));
        if (target.has_value()) RETURN_IF_ERROR(UnpublishStatic(*target));
        return NodeUnpublishVolumeResponse();
      },
      std::move(done));
}

void StaticHandler::GetStats(const csi::v1::NodeGetVolumeStatsRequest& request,
                             Callback<NodeGetVolumeStatsResponse> done) {
  const absl::Status id = storage::CheckStaticId(request.volume_id());
  if (!id.ok()) return std::move(done)(id);
  // So that a path that hangs holds one worker and not all.
  absl::StatusOr<KeyedMutex::Lock> lock = Lock(absl::StrCat("(stats) ", request.volume_path()));
  if (!lock.ok()) return std::move(done)(lock.status());
  PostCall<NodeGetVolumeStatsResponse>(
      workers_,
      [held = *std::move(lock), path = request.volume_path()] { return StaticUsage(path); },
      std::move(done));
}

absl::Status StaticHandler::Expand(const csi::v1::NodeExpandVolumeRequest& request) const {
  RETURN_IF_ERROR(storage::CheckStaticId(request.volume_id()));
  return absl::InvalidArgumentError(
      absl::StrCat(request.volume_id(),
                   " is a static volume: it has no size of the driver's, and can't be expanded"));
}

}  // namespace nodevol::node

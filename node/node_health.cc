// SPDX-License-Identifier: Apache-2.0
//
// NodeHandler's calls about the health of volumes and pools, in alpha in CSI 1.13.
#include <optional>
#include <utility>

#include "absl/strings/string_view.h"

#include "base/errno_status.h"
#include "base/path.h"
#include "base/status_macros.h"
#include "node/node_handler.h"
#include "node/request_error.h"
#include "rpc/health_message.h"
#include "rpc/required_field.h"
#include "storage/static_volume.h"

namespace nodevol::node {
namespace {

// Where the volume is mounted the driver knows itself, so the paths are checked and no more.
absl::Status CheckOptionalPath(absl::string_view field, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  return Annotate(NormalizePath(path).status(), field);
}

}  // namespace

void NodeHandler::GetVolumeHealth(const csi::v1::NodeGetVolumeHealthRequest& request,
                                  Callback<csi::v1::NodeGetVolumeHealthResponse> done) {
  const absl::Status valid = [&]() -> absl::Status {
    if (!health_) return rpc::HealthIsOff();
    if (request.volume_id().empty()) return rpc::Required("volume_id");
    RETURN_IF_ERROR(CheckOptionalPath("volume_publish_path", request.volume_publish_path()));
    return CheckOptionalPath("staging_target_path", request.staging_target_path());
  }();
  if (!valid.ok()) return std::move(done)(valid);
  csi::v1::NodeGetVolumeHealthResponse response;
  response.mutable_volume_health()->set_volume_id(request.volume_id());
  // A path of the node's own: its disk is not the driver's, and nothing is known of it.
  if (storage::IsStaticId(request.volume_id())) return std::move(done)(std::move(response));
  std::optional<storage::VolumeId> id = ManagedId(request.volume_id());
  if (!id.has_value()) id = inline_.Find(request.volume_id());
  if (!id.has_value()) return std::move(done)(NoSuchVolume(request.volume_id()));
  storage_.ExamineVolume(*id, [answer = std::move(response), next = std::move(done)](
                                  const absl::StatusOr<storage::VolumeHealth>& health) mutable {
    if (!health.ok()) return std::move(next)(health.status());
    *answer.mutable_volume_health()->mutable_health_statuses() =
        rpc::ToCsi(*health).health_statuses();
    std::move(next)(std::move(answer));
  });
}

absl::StatusOr<csi::v1::NodeGetStorageHealthResponse> NodeHandler::GetStorageHealth(
    const csi::v1::NodeGetStorageHealthRequest&) const {
  if (!health_) return rpc::HealthIsOff();
  return rpc::ToCsi(storage_.UnhealthyPools());
}

}  // namespace nodevol::node

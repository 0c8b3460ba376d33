// SPDX-License-Identifier: Apache-2.0
#include "test/service/own_life.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "test/service/pod.h"

namespace nodevol::testing {
namespace {

using Controller = CsiClient::Controller;

class Life {
 public:
  Life(VolumeClient& client, std::string directory, std::string name, int64_t bytes)
      : client_(client), directory_(std::move(directory)), name_(std::move(name)), bytes_(bytes) {}

  absl::Status Run() {
    RETURN_IF_ERROR(Step("create", &Life::Create));
    RETURN_IF_ERROR(Step("controller publish", &Life::ControllerPublish));
    RETURN_IF_ERROR(Step("use", &Life::Use));
    RETURN_IF_ERROR(Step("snapshot", &Life::Snapshot));
    RETURN_IF_ERROR(Step("list", &Life::List));
    RETURN_IF_ERROR(Step("restore", &Life::Restore));
    RETURN_IF_ERROR(Step("inline volume", &Life::Inline));
    RETURN_IF_ERROR(Step("expand", &Life::Expand));
    return Step("delete", &Life::Delete);
  }

 private:
  absl::Status Step(absl::string_view what, absl::Status (Life::*step)()) {
    return Annotate((this->*step)(), absl::StrCat(name_, ": ", what));
  }
  [[nodiscard]] bool IsDirectory() const {
    return client_.volume_class().parameters.contains("backend");
  }
  static absl::Status Expect(bool holds, absl::string_view what) {
    return holds ? absl::OkStatus() : absl::DataLossError(what);
  }

  absl::Status Create() {
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_.Create(name_, bytes_));
    ASSIGN_OR_RETURN(const csi::v1::Volume again, client_.Create(name_, bytes_));
    id_ = volume.volume_id();
    return Expect(again.volume_id() == id_, "a repeated call made another volume");
  }
  absl::Status ControllerPublish() {
    csi::v1::ControllerPublishVolumeRequest publish;
    publish.set_volume_id(id_);
    publish.set_node_id("node-1");
    *publish.mutable_volume_capability() = client_.volume_class().capability;
    return client_.csi().Call(&Controller::ControllerPublishVolume, publish).status();
  }
  absl::Status Use() {
    const Pod pod(id_, directory_, name_);
    RETURN_IF_ERROR(pod.Start(client_));
    RETURN_IF_ERROR(pod.Write("content", name_));
    return client_.Stats(id_, pod.target()).status();
  }
  absl::Status Snapshot() {
    ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot, client_.Snapshot(name_, id_));
    snapshot_id_ = snapshot.snapshot_id();
    return Pod(id_, directory_, name_).Write("content", std::string(name_.size(), '-'));
  }
  absl::Status List() {
    ASSIGN_OR_RETURN(const auto volumes,
                     client_.csi().Call(&Controller::ListVolumes, csi::v1::ListVolumesRequest()));
    const auto is_own = [this](const csi::v1::ListVolumesResponse::Entry& entry) {
      return entry.volume().volume_id() == id_;
    };
    RETURN_IF_ERROR(
        Expect(std::count_if(volumes.entries().begin(), volumes.entries().end(), is_own) == 1,
               "the volume is not once in the list"));
    csi::v1::ListSnapshotsRequest request;
    request.set_source_volume_id(id_);
    ASSIGN_OR_RETURN(const auto snapshots, client_.csi().Call(&Controller::ListSnapshots, request));
    RETURN_IF_ERROR(
        client_.csi().Call(&Controller::GetCapacity, csi::v1::GetCapacityRequest()).status());
    return Expect(snapshots.entries_size() == 1, "not one snapshot");
  }
  absl::Status Restore() {
    const std::string name = name_ + "-restored";
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_.Restore(name, snapshot_id_, 2 * bytes_));
    const Pod pod(volume.volume_id(), directory_, name);
    RETURN_IF_ERROR(pod.Start(client_));
    ASSIGN_OR_RETURN(const std::string content, pod.Read("content", name_.size()));
    RETURN_IF_ERROR(Expect(content == name_, "the snapshot holds something else"));
    RETURN_IF_ERROR(pod.Stop(client_));
    return client_.Delete(volume.volume_id());
  }
  absl::Status Inline() {
    if (client_.volume_class().capability.has_block()) return absl::OkStatus();
    const Pod pod("csi-" + Sha256Hex(name_), directory_, name_ + "-inline");
    for (int i = 0; i < 2; ++i) {
      RETURN_IF_ERROR(client_.PublishInline(pod.volume_id(), pod.target(), bytes_));
      RETURN_IF_ERROR(pod.Write("content", name_));
    }
    RETURN_IF_ERROR(client_.Stats(pod.volume_id(), pod.target()).status());
    for (int i = 0; i < 2; ++i) {
      RETURN_IF_ERROR(client_.Unpublish(pod.volume_id(), pod.target()));
    }
    return absl::OkStatus();
  }
  absl::Status Expand() {
    const Pod pod(id_, directory_, name_);
    // Growing an ext4 in use needs a capability that test machines lack.
    if (!IsDirectory()) RETURN_IF_ERROR(pod.Stop(client_));
    ASSIGN_OR_RETURN(const int64_t granted, client_.ControllerExpand(id_, 2 * bytes_));
    RETURN_IF_ERROR(Expect(granted == 2 * bytes_, "another size was granted"));
    return IsDirectory() ? pod.Stop(client_) : absl::OkStatus();
  }
  absl::Status Delete() {
    RETURN_IF_ERROR(client_.DeleteSnapshot(snapshot_id_));
    csi::v1::ControllerUnpublishVolumeRequest unpublish;
    unpublish.set_volume_id(id_);
    RETURN_IF_ERROR(client_.csi().Call(&Controller::ControllerUnpublishVolume, unpublish).status());
    RETURN_IF_ERROR(client_.Delete(id_));
    return client_.Delete(id_);
  }

  VolumeClient& client_;
  const std::string directory_;
  const std::string name_;
  const int64_t bytes_;
  std::string id_;
  std::string snapshot_id_;
};

}  // namespace

absl::Status LiveAlone(VolumeClient& client, const std::string& directory, const std::string& name,
                       int64_t bytes) {
  return Life(client, directory, name, bytes).Run();
}

}  // namespace nodevol::testing

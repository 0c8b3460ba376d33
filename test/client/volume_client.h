// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLIENT_VOLUME_CLIENT_H_
#define NODEVOL_TEST_CLIENT_VOLUME_CLIENT_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "test/client/csi_client.h"

namespace nodevol::testing {

using Parameters = std::map<std::string, std::string>;

csi::v1::VolumeCapability MountCapability(
    const std::string& fs_type = "", csi::v1::VolumeCapability::AccessMode::Mode mode =
                                         csi::v1::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
csi::v1::VolumeCapability BlockCapability(
    csi::v1::VolumeCapability::AccessMode::Mode mode =
        csi::v1::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);

// The kind of volume that a test or the demo works with.
struct VolumeClass {
  csi::v1::VolumeCapability capability = MountCapability();
  Parameters parameters = {};
};

// The calls of a volume's life in few words: what a CO says, with its defaults.
class VolumeClient {
 public:
  VolumeClient(const std::string& socket_path, VolumeClass volume_class,
               absl::Duration timeout = absl::Minutes(1))
      : csi_(socket_path, timeout), class_(std::move(volume_class)) {}

  CsiClient& csi() { return csi_; }
  [[nodiscard]] const VolumeClass& volume_class() const { return class_; }

  // A request for a volume of the class; size 0 leaves the range out.
  [[nodiscard]] csi::v1::CreateVolumeRequest VolumeRequest(const std::string& name,
                                                           int64_t bytes) const;

  absl::StatusOr<csi::v1::Volume> Create(const std::string& name, int64_t bytes);
  absl::StatusOr<csi::v1::Volume> Restore(const std::string& name, const std::string& snapshot_id,
                                          int64_t bytes = 0);
  absl::StatusOr<csi::v1::Volume> Clone(const std::string& name, const std::string& volume_id,
                                        int64_t bytes = 0);
  absl::Status Delete(const std::string& volume_id);
  // Both halves, the node's only where it is asked for.
  absl::StatusOr<int64_t> ControllerExpand(const std::string& volume_id, int64_t bytes);
  absl::StatusOr<int64_t> NodeExpand(const std::string& volume_id, const std::string& path,
                                     int64_t bytes);
  absl::StatusOr<csi::v1::Snapshot> Snapshot(const std::string& name, const std::string& volume_id);
  absl::Status DeleteSnapshot(const std::string& snapshot_id);
  absl::StatusOr<csi::v1::VolumeGroupSnapshot> SnapshotGroup(
      const std::string& name, const std::vector<std::string>& volume_ids);
  absl::Status DeleteGroup(const csi::v1::VolumeGroupSnapshot& group);

  absl::Status Stage(const std::string& volume_id, const std::string& staging_path);
  absl::Status Publish(const std::string& volume_id, const std::string& staging_path,
                       const std::string& target_path, bool read_only = false);
  // A pod's inline volume of the class, as kubelet asks for it.
  absl::Status PublishInline(const std::string& volume_id, const std::string& target_path,
                             int64_t bytes);
  absl::Status Unpublish(const std::string& volume_id, const std::string& target_path);
  absl::Status Unstage(const std::string& volume_id, const std::string& staging_path);
  absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> Stats(const std::string& volume_id,
                                                            const std::string& path);

 private:
  absl::StatusOr<csi::v1::Volume> Create(const csi::v1::CreateVolumeRequest& request);

  CsiClient csi_;
  VolumeClass class_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLIENT_VOLUME_CLIENT_H_

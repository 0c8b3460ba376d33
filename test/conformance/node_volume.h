// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_NODE_VOLUME_H_
#define NODEVOL_TEST_CONFORMANCE_NODE_VOLUME_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "test/conformance/driver.h"
#include "test/conformance/traces.h"
#include "test/service/pod.h"

namespace nodevol::testing {

// A volume on the node: the paths where a CO has it staged and published, and the CO's calls in
// their order. Steps that the driver does not announce are left out.
class NodeVolume {
 public:
  // Beneath `directory`, which exists; `name` tells it from others there.
  NodeVolume(Driver& driver, Traces& traces, csi::v1::Volume volume,
             csi::v1::VolumeCapability capability, std::string directory, std::string name);

  [[nodiscard]] const csi::v1::Volume& volume() const { return volume_; }
  [[nodiscard]] const std::string& id() const { return volume_.volume_id(); }
  // Empty where nothing is staged.
  [[nodiscard]] const std::string& staging() const { return staging_; }
  [[nodiscard]] std::string Target(const std::string& label = "1") const {
    return In(label).target();
  }
  // What is published at the target of this label, for reading and writing.
  [[nodiscard]] Pod In(const std::string& label = "1") const {
    return {id(), directory_, name_ + "-" + label};
  }

  // Attach, Stage, Publish; and the other way round.
  absl::Status Start();
  absl::Status Stop();

  absl::Status Attach();
  absl::Status Detach();
  [[nodiscard]] csi::v1::NodeStageVolumeRequest StageRequest() const;
  absl::Status Stage() { return Stage(StageRequest()); }
  absl::Status Stage(const csi::v1::NodeStageVolumeRequest& request);
  absl::Status Unstage();
  [[nodiscard]] csi::v1::NodePublishVolumeRequest PublishRequest(
      const std::string& label = "1") const;
  absl::Status Publish(const std::string& label = "1") { return Publish(PublishRequest(label)); }
  absl::Status PublishReadOnly(const std::string& label);
  absl::Status Publish(const csi::v1::NodePublishVolumeRequest& request);
  absl::Status Unpublish(const std::string& label = "1");

  absl::StatusOr<csi::v1::NodeGetVolumeStatsResponse> Stats(const std::string& path);

 private:
  Driver& driver_;
  Traces& traces_;
  csi::v1::Volume volume_;
  csi::v1::VolumeCapability capability_;
  std::string directory_;
  std::string name_;
  std::string staging_;
  google::protobuf::Map<std::string, std::string> publish_context_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_NODE_VOLUME_H_

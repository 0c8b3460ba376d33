// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_CONTROLLER_FIXTURE_H_
#define NODEVOL_CONTROLLER_CONTROLLER_FIXTURE_H_

#include <optional>
#include <string>
#include <utility>

#include "controller/controller_handler.h"
#include "controller/fake_node_storage.h"
#include "controller/single_node.h"
#include "test/support/matchers.h"

namespace nodevol::controller {

using Mode = csi::v1::VolumeCapability::AccessMode;

inline csi::v1::VolumeCapability MountCapability(Mode::Mode mode = Mode::SINGLE_NODE_WRITER) {
  csi::v1::VolumeCapability capability;
  capability.mutable_mount();
  capability.mutable_access_mode()->set_mode(mode);
  return capability;
}

inline csi::v1::VolumeCapability BlockCapability(Mode::Mode mode = Mode::SINGLE_NODE_WRITER) {
  csi::v1::VolumeCapability capability;
  capability.mutable_block();
  capability.mutable_access_mode()->set_mode(mode);
  return capability;
}

// For tests: a handler on a node "node-1" that answers at once.
class ControllerFixture : public ::testing::Test {
 protected:
  // Ids that are none of ours, and would be dangerous as paths.
  static constexpr const char* kClimbingIds[] = {"../x", "..", "a/b", "/etc/passwd", "x/../y"};
  static constexpr const char* kForeignIds[] = {"x", "pvc-1", "0123456789abcdef0123456789abcdef",
                                                "."};
  static std::string UnknownId() {
    return storage::VolumeId::ForName(FakeNodeStorage::kPool, "nobody").text();
  }

  // The answer to a call that takes a callback.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(void (ControllerHandler::*method)(const storage::OperationContext&,
                                                                  const Request&,
                                                                  Callback<Response>),
                                const Request& request) {
    std::optional<absl::StatusOr<Response>> answer;
    (handler_.*method)({}, request, [&answer](absl::StatusOr<Response> given) {
      EXPECT_FALSE(answer.has_value()) << "answered twice";
      answer = std::move(given);
    });
    if (!answer.has_value()) return absl::UnknownError("never answered");
    return *std::move(answer);
  }

  static csi::v1::CreateVolumeRequest VolumeRequest(const std::string& name) {
    csi::v1::CreateVolumeRequest request;
    request.set_name(name);
    request.mutable_capacity_range()->set_required_bytes(1 << 30);
    *request.add_volume_capabilities() = MountCapability();
    return request;
  }
  std::string MakeVolume(const std::string& name) { return MakeVolume(VolumeRequest(name)); }
  std::string MakeVolume(const csi::v1::CreateVolumeRequest& request) {
    const auto response = Call(&ControllerHandler::CreateVolume, request);
    EXPECT_OK(response);
    return response.ok() ? response->volume().volume_id() : "";
  }
  std::string MakeSnapshot(const std::string& name, const std::string& volume_id) {
    csi::v1::CreateSnapshotRequest request;
    request.set_name(name);
    request.set_source_volume_id(volume_id);
    const auto response = Call(&ControllerHandler::CreateSnapshot, request);
    EXPECT_OK(response);
    return response.ok() ? response->snapshot().snapshot_id() : "";
  }

  static constexpr char kTopologyKey[] = "topology.csi.nodevol.io/node";
  static csi::v1::Topology On(const std::string& node) {
    csi::v1::Topology topology;
    (*topology.mutable_segments())[kTopologyKey] = node;
    return topology;
  }

  FakeNodeStorage storage_;
  SingleNode cluster_{storage_};
  ControllerHandler handler_{cluster_, rpc::Topology("csi.nodevol.io")};
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_CONTROLLER_FIXTURE_H_

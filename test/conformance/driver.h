// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_DRIVER_H_
#define NODEVOL_TEST_CONFORMANCE_DRIVER_H_

#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

#include "test/client/csi_client.h"
#include "test/client/raw_client.h"
#include "test/conformance/options.h"

namespace nodevol::testing {

using Identity = CsiClient::Identity;
using Controller = CsiClient::Controller;
using GroupController = CsiClient::GroupController;
using SnapshotMetadata = CsiClient::SnapshotMetadata;
using Node = CsiClient::Node;
using PluginService = csi::v1::PluginCapability::Service;
using ControllerRpc = csi::v1::ControllerServiceCapability::RPC;
using GroupRpc = csi::v1::GroupControllerServiceCapability::RPC;
using NodeRpc = csi::v1::NodeServiceCapability::RPC;
using AccessMode = csi::v1::VolumeCapability::AccessMode;

// The driver that is examined: how it is called, and what it says of itself. Thread-safe.
class Driver {
 public:
  // Connects and asks for capabilities.
  static absl::StatusOr<std::unique_ptr<Driver>> Connect(ConformanceOptions options);

  // Waits a while for a driver that has ended to be started again by whoever watches over it; once
  // that was in vain, no more. Not while others call.
  absl::Status AwaitServing();

  [[nodiscard]] const ConformanceOptions& options() const { return options_; }
  [[nodiscard]] bool IsBlock() const { return options_.capability.has_block(); }

  [[nodiscard]] bool Announces(PluginService::Type type) const { return plugin_.contains(type); }
  [[nodiscard]] bool Announces(ControllerRpc::Type type) const {
    return controller_.contains(type);
  }
  [[nodiscard]] bool Announces(GroupRpc::Type type) const { return group_.contains(type); }
  [[nodiscard]] bool Announces(NodeRpc::Type type) const { return node_.contains(type); }
  [[nodiscard]] bool Announces(csi::v1::PluginCapability::VolumeExpansion::Type type) const {
    return expansion_.contains(type);
  }
  [[nodiscard]] const csi::v1::NodeGetInfoResponse& node() const { return info_; }

  // Calls the service at its endpoint, with the secrets of the command line.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                Request request) {
    AddSecrets(request);
    return ClientOf<Stub>().Call(method, request);
  }
  // The same for a stream: `take` gets message by message, and cancels the call with false.
  template <typename Stub, typename Request, typename Response, typename Take>
  absl::Status Stream(std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(
                          grpc::ClientContext*, const Request&),
                      Request request, const Take& take) {
    AddSecrets(request);
    return ClientOf<Stub>().Stream(method, request, absl::FunctionRef<bool(const Response&)>(take));
  }
  // Sends any request, as it is, to the endpoint of its service; returns the bytes of the answer.
  absl::StatusOr<std::string> Send(const google::protobuf::Message& request);
  // The same for bytes, as a request of this type.
  absl::StatusOr<std::string> SendBytes(const google::protobuf::Descriptor& request,
                                        const std::string& bytes);
  // The names in the socket's directory when this program connected, sorted.
  [[nodiscard]] const std::vector<std::string>& socket_neighbours() const {
    return socket_neighbours_;
  }

 private:
  explicit Driver(ConformanceOptions options);
  // One that has failed to connect waits longer and longer: new ones do not.
  void MakeClients();
  absl::Status AskForCapabilities();
  void AddSecrets(google::protobuf::Message& request) const;
  template <typename Stub>
  CsiClient& ClientOf() {
    const bool at_node = std::is_same_v<Stub, Identity> || std::is_same_v<Stub, Node>;
    return at_node ? *node_client_ : *controller_client_;
  }

  RawClient& RawClientOf(const google::protobuf::Descriptor& request);

  const ConformanceOptions options_;
  const std::vector<std::string> socket_neighbours_;
  std::unique_ptr<CsiClient> node_client_;
  std::unique_ptr<CsiClient> controller_client_;
  std::unique_ptr<RawClient> raw_node_client_;
  std::unique_ptr<RawClient> raw_controller_client_;
  std::set<int> plugin_;
  std::set<int> expansion_;
  std::set<int> controller_;
  std::set<int> group_;
  std::set<int> node_;
  csi::v1::NodeGetInfoResponse info_;
  bool given_up_ = false;
};

// "LIST_VOLUMES"
inline std::string NameOf(PluginService::Type type) { return PluginService::Type_Name(type); }
inline std::string NameOf(ControllerRpc::Type type) { return ControllerRpc::Type_Name(type); }
inline std::string NameOf(GroupRpc::Type type) { return GroupRpc::Type_Name(type); }
inline std::string NameOf(NodeRpc::Type type) {
  return "node capability " + NodeRpc::Type_Name(type);
}

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_DRIVER_H_

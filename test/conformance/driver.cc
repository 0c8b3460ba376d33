// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/driver.h"

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

// A filled volume may take its time to be copied.
constexpr absl::Duration kTimeout = absl::Minutes(2);
constexpr absl::Duration kRestart = absl::Seconds(10);

bool IsAtNode(const google::protobuf::Descriptor& request) {
  const google::protobuf::FileDescriptor& file = *request.file();
  for (const char* const name : {"Identity", "Node"}) {
    const google::protobuf::ServiceDescriptor& service = *file.FindServiceByName(name);
    for (int i = 0; i < service.method_count(); ++i) {
      if (service.method(i)->input_type() == &request) return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Driver>> Driver::Connect(ConformanceOptions options) {
  std::unique_ptr<Driver> driver(new Driver(std::move(options)));
  RETURN_IF_ERROR(driver->AskForCapabilities());
  return driver;
}

Driver::Driver(ConformanceOptions options)
    : options_(std::move(options)),
      socket_neighbours_(NamesIn(options_.socket_path.substr(0, options_.socket_path.rfind('/')))) {
  MakeClients();
}

void Driver::MakeClients() {
  node_client_ = std::make_unique<CsiClient>(options_.socket_path, kTimeout);
  controller_client_ = std::make_unique<CsiClient>(options_.controller_socket_path, kTimeout);
  raw_node_client_ = std::make_unique<RawClient>(options_.socket_path);
  raw_controller_client_ = std::make_unique<RawClient>(options_.controller_socket_path);
}

absl::Status Driver::AwaitServing() {
  const absl::Duration deadline = MonotonicNow() + (given_up_ ? absl::ZeroDuration() : kRestart);
  while (true) {
    const absl::Status serves = Call(&Identity::Probe, csi::v1::ProbeRequest()).status();
    given_up_ = !serves.ok() && MonotonicNow() > deadline;
    if (serves.ok() || given_up_) return serves;
    absl::SleepFor(absl::Milliseconds(50));
    MakeClients();
  }
}

absl::Status Driver::AskForCapabilities() {
  ASSIGN_OR_RETURN(const auto plugin,
                   Call(&Identity::GetPluginCapabilities, csi::v1::GetPluginCapabilitiesRequest()));
  for (const csi::v1::PluginCapability& capability : plugin.capabilities()) {
    if (capability.has_service()) plugin_.insert(capability.service().type());
    if (capability.has_volume_expansion()) expansion_.insert(capability.volume_expansion().type());
  }
  if (Announces(PluginService::CONTROLLER_SERVICE)) {
    ASSIGN_OR_RETURN(const auto controller, Call(&Controller::ControllerGetCapabilities,
                                                 csi::v1::ControllerGetCapabilitiesRequest()));
    for (const auto& capability : controller.capabilities()) {
      controller_.insert(capability.rpc().type());
    }
  }
  if (Announces(PluginService::GROUP_CONTROLLER_SERVICE)) {
    ASSIGN_OR_RETURN(const auto group, Call(&GroupController::GroupControllerGetCapabilities,
                                            csi::v1::GroupControllerGetCapabilitiesRequest()));
    for (const auto& capability : group.capabilities()) group_.insert(capability.rpc().type());
  }
  ASSIGN_OR_RETURN(const auto node,
                   Call(&Node::NodeGetCapabilities, csi::v1::NodeGetCapabilitiesRequest()));
  for (const auto& capability : node.capabilities()) node_.insert(capability.rpc().type());
  ASSIGN_OR_RETURN(info_, Call(&Node::NodeGetInfo, csi::v1::NodeGetInfoRequest()));
  return absl::OkStatus();
}

void Driver::AddSecrets(google::protobuf::Message& request) const {
  const google::protobuf::FieldDescriptor* const field =
      request.GetDescriptor()->FindFieldByName("secrets");
  if (field == nullptr || request.GetReflection()->FieldSize(request, field) > 0) return;
  for (const auto& [key, value] : options_.secrets) {
    google::protobuf::Message& entry = *request.GetReflection()->AddMessage(&request, field);
    const google::protobuf::Descriptor& parts = *field->message_type();
    entry.GetReflection()->SetString(&entry, parts.FindFieldByName("key"), key);
    entry.GetReflection()->SetString(&entry, parts.FindFieldByName("value"), value);
  }
}

RawClient& Driver::RawClientOf(const google::protobuf::Descriptor& request) {
  return IsAtNode(request) ? *raw_node_client_ : *raw_controller_client_;
}

absl::StatusOr<std::string> Driver::Send(const google::protobuf::Message& request) {
  return RawClientOf(*request.GetDescriptor()).Send(request);
}

absl::StatusOr<std::string> Driver::SendBytes(const google::protobuf::Descriptor& request,
                                              const std::string& bytes) {
  return RawClientOf(request).Send(request, bytes);
}

}  // namespace nodevol::testing

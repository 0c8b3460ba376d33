// SPDX-License-Identifier: Apache-2.0
#include "test/support/fake_kubelet.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

#include "rpc/status.h"

namespace nodevol::testing {
namespace {

constexpr std::chrono::seconds kPatience(30);

void Prepare(grpc::ClientContext& context) {
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
}

}  // namespace

FakeKubelet::FakeKubelet(const std::string& socket)
    : stub_(pluginregistration::Registration::NewStub(grpc::CreateChannel(
          absl::StrCat("unix://", socket), grpc::InsecureChannelCredentials()))) {}

absl::StatusOr<pluginregistration::PluginInfo> FakeKubelet::Ask() {
  grpc::ClientContext context;
  Prepare(context);
  pluginregistration::PluginInfo info;
  const grpc::Status asked = stub_->GetInfo(&context, {}, &info);
  if (!asked.ok()) return rpc::FromGrpcStatus(asked);
  return info;
}

absl::Status FakeKubelet::Tell(bool registered, const std::string& error) {
  grpc::ClientContext context;
  Prepare(context);
  pluginregistration::RegistrationStatus status;
  status.set_plugin_registered(registered);
  status.set_error(error);
  pluginregistration::RegistrationStatusResponse response;
  return rpc::FromGrpcStatus(stub_->NotifyRegistrationStatus(&context, status, &response));
}

}  // namespace nodevol::testing

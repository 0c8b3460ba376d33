// SPDX-License-Identifier: Apache-2.0
#include "test/client/csi_client.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace nodevol::testing {

CsiClient::CsiClient(const std::string& socket_path, absl::Duration timeout) : timeout_(timeout) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  const std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(
      absl::StrCat("unix://", socket_path), grpc::InsecureChannelCredentials(), arguments);
  identity_ = csi::v1::Identity::NewStub(channel);
  controller_ = csi::v1::Controller::NewStub(channel);
  group_controller_ = csi::v1::GroupController::NewStub(channel);
  node_ = csi::v1::Node::NewStub(channel);
  snapshot_metadata_ = csi::v1::SnapshotMetadata::NewStub(channel);
  admin_ = admin::v1::Admin::NewStub(channel);
}

void CsiClient::SetDeadline(grpc::ClientContext& context) const {
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout_));
}

absl::Status CsiClient::ToAbsl(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

}  // namespace nodevol::testing

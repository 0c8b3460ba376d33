// SPDX-License-Identifier: Apache-2.0
#include "rpc/server.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "csi/csi.grpc.pb.h"
#include "rpc/malformed_request.h"
#include "rpc/status.h"

namespace nodevol::rpc {

namespace {

bool IsRoot(int connection) {
  const absl::StatusOr<uid_t> peer = PeerUser(connection);
  if (peer.ok() && *peer == 0) return true;
  log::Warn("a connection is refused: its peer is not root",
            {{"peer", peer.ok() ? absl::StrCat("uid ", *peer) : peer.status().ToString()}});
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& path,
                                                      const std::vector<grpc::Service*>& services,
                                                      Admission admission) {
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.experimental().SetInterceptorCreators(RefuseMalformedRequests());
  // Who may connect is the socket's matter.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor =
      builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
          grpc::InsecureServerCredentials());
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::InternalError("the gRPC server did not start");
  ASSIGN_OR_RETURN(std::unique_ptr<UnixListener> listener, UnixListener::Bind(path));
  listener->Start([shared = std::shared_ptr(std::move(acceptor)), admission](UniqueFd connection) {
    if (admission == Admission::kRoot && !IsRoot(connection.get())) return;
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = -1;
    parameters.fd = connection.release();
    shared->HandleNewConnection(&parameters);
  });
  return std::unique_ptr<Server>(new Server(std::move(listener), std::move(server)));
}

Server::~Server() {
  StopAccepting();
  Shutdown(absl::ZeroDuration());
}

void Server::StopAccepting() { listener_->Stop(); }

void Server::Shutdown(absl::Duration timeout) {
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
}

absl::Status ProbeEndpoint(const std::string& path, absl::Duration timeout) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a new connection each time
  const std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(
      absl::StrCat("unix://", path), grpc::InsecureChannelCredentials(), arguments);
  const std::unique_ptr<csi::v1::Identity::Stub> identity = csi::v1::Identity::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
  csi::v1::ProbeResponse response;
  const absl::Status probed =
      FromGrpcStatus(identity->Probe(&context, csi::v1::ProbeRequest(), &response));
  if (absl::IsDeadlineExceeded(probed) || absl::IsUnavailable(probed)) {
    return absl::UnavailableError(
        absl::StrCat("the CSI socket ", path, " does not answer: ", probed.message()));
  }
  return probed;
}

}  // namespace nodevol::rpc

// SPDX-License-Identifier: Apache-2.0
#include "admin/client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "rpc/server.h"
#include "rpc/status.h"

namespace nodevol::admin {
namespace {

constexpr char kUnreachablePayload[] = "nodevol/unreachable";

absl::Status Unreachable(absl::string_view message) {
  absl::Status status = absl::UnavailableError(message);
  status.SetPayload(kUnreachablePayload, absl::Cord());
  return status;
}

// gRPC would say less: why nobody answers at a socket.
absl::Status CheckListening(const std::string& path) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Unreachable("no socket can be made");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return absl::OkStatus();
  }
  const std::string driver = absl::StrCat("the driver can't be reached at ", path, ": ");
  switch (errno) {
    case ENOENT:
    case ENOTDIR:
      return Unreachable(absl::StrCat(
          driver,
          "there is no such socket. Is the driver running, and in this container? Name its "
          "socket with --admin-socket if it is elsewhere. \"nodevol pool check PATH\" looks at a "
          "pool without it"));
    case ECONNREFUSED:
      return Unreachable(
          absl::StrCat(driver,
                       "nobody listens there any more. Start the driver; its log says why "
                       "it ended. \"nodevol pool check PATH\" looks at a pool without it"));
    case EACCES:
    case EPERM:
      return Unreachable(absl::StrCat(driver, "only root may. Run the command as root"));
    default:
      return Unreachable(absl::StrCat(driver, std::strerror(errno)));
  }
}

}  // namespace

bool IsUnreachable(const absl::Status& status) {
  return status.GetPayload(kUnreachablePayload).has_value();
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& path,
                                                        absl::Duration timeout) {
  RETURN_IF_ERROR(CheckListening(path));
  return std::unique_ptr<Client>(new Client(path, timeout));
}

Client::Client(std::string path, absl::Duration timeout)
    : path_(std::move(path)), timeout_(timeout) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  stub_ = v1::Admin::NewStub(grpc::CreateCustomChannel(
      absl::StrCat("unix://", path_), grpc::InsecureChannelCredentials(), arguments));
}

void Client::Prepare(grpc::ClientContext& context) const {
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout_));
}

absl::Status Client::Explain(const grpc::Status& status) const {
  absl::Status answer = rpc::FromGrpcStatus(status);
  if (absl::IsDeadlineExceeded(answer)) {
    return Unreachable(
        absl::StrCat("the driver has not answered for ", absl::FormatDuration(timeout_),
                     "; a disk may hang: look at its log, or give it more --timeout"));
  }
  // It may have ended meanwhile.
  if (absl::IsUnavailable(answer)) RETURN_IF_ERROR(CheckListening(path_));
  if (absl::IsUnimplemented(answer)) {
    return Unreachable(
        absl::StrCat("what listens at ", path_,
                     " is another version of the driver, or its CSI "
                     "socket; name the socket of --admin-socket, and use the driver's own binary"));
  }
  return answer;
}

}  // namespace nodevol::admin

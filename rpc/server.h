// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_SERVER_H_
#define NODEVOL_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"

#include "rpc/unix_listener.h"

namespace nodevol::rpc {

// Messages of up to this many bytes, both ways: a CreateVolume may name thousands of topologies.
inline constexpr int kMaxMessageBytes = 16 << 20;

// Whom a server talks to.
enum class Admission {
  kSocketMode,  // whoever may open the socket
  kRoot,        // root alone, whatever somebody made of the socket's mode
};

// The gRPC server on a unix socket.
class Server {
 public:
  // Serves `services`, which must outlive the server, at the path (ParseEndpoint).
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const std::string& path, const std::vector<grpc::Service*>& services,
      Admission admission = Admission::kSocketMode);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Accepts no more connections; those that are open go on.
  void StopAccepting();
  // Whether the socket at the path is this server's, and not that of another process.
  [[nodiscard]] bool IsAtPath() const { return listener_->IsAtPath(); }
  // Ends calls: those that run may finish until the timeout, then they are cancelled.
  void Shutdown(absl::Duration timeout);

 private:
  Server(std::unique_ptr<UnixListener> listener, std::unique_ptr<grpc::Server> server)
      : listener_(std::move(listener)), server_(std::move(server)) {}

  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<grpc::Server> server_;
};

// Connects to the socket as any client does and asks Probe: what a liveness check wants to know.
// UNAVAILABLE when there is no answer within the timeout.
absl::Status ProbeEndpoint(const std::string& path, absl::Duration timeout);

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_SERVER_H_

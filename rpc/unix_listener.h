// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_UNIX_LISTENER_H_
#define NODEVOL_RPC_UNIX_LISTENER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "base/unique_fd.h"
#include "host/file.h"
#include "rpc/accept_loop.h"

namespace nodevol::rpc {

// The path in "unix:///run/csi.sock". INVALID_ARGUMENT, with the remedy, for anything else: another
// scheme, a relative path, one that is too long for a socket.
absl::StatusOr<std::string> ParseEndpoint(absl::string_view endpoint);

// Who made the connection: the peer's user id, as the kernel saw it then (SO_PEERCRED).
absl::StatusOr<uid_t> PeerUser(int connection);

// A listening unix socket of our own, mode 0600, which hands accepted connections on. gRPC's own
// listener would remove the socket of a newer process when it stops.
class UnixListener {
 public:
  // Binds under a temporary name and moves it over `path`: a stale socket, or that of a process
  // that is being replaced, is exchanged in one step. FAILED_PRECONDITION when something else is at
  // the path.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Bind(const std::string& path);
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  // Calls `accepted` with each connection, on a thread of its own, until Stop().
  void Start(std::function<void(UniqueFd)> accepted) { loop_->Start(std::move(accepted)); }
  // Accepts nothing more and removes the socket, unless another process has put its own there.
  void Stop();
  // Whether the socket at the path is this one.
  [[nodiscard]] bool IsAtPath() const;

 private:
  UnixListener(std::string path, std::unique_ptr<AcceptLoop> loop, host::FileInfo identity)
      : path_(std::move(path)), loop_(std::move(loop)), identity_(identity) {}

  const std::string path_;
  const std::unique_ptr<AcceptLoop> loop_;
  const host::FileInfo identity_;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_UNIX_LISTENER_H_

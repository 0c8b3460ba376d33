// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_ACCEPT_LOOP_H_
#define NODEVOL_RPC_ACCEPT_LOOP_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"

namespace nodevol::rpc {

// Accepts the connections of a listening socket of our own and hands them on. gRPC's own listener
// is not used: it goes deaf for ever after one EMFILE in accept (CVE-2023-4785 in 1.51).
class AcceptLoop {
 public:
  // `socket` does not block and is bound; `name` shows in the thread's.
  static absl::StatusOr<std::unique_ptr<AcceptLoop>> Create(UniqueFd socket, std::string name);
  ~AcceptLoop() { Stop(); }
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  // Calls `accepted` with each connection, on a thread of its own, until Stop().
  void Start(std::function<void(UniqueFd)> accepted);
  // Accepts nothing more and closes the socket.
  void Stop();
  [[nodiscard]] bool stopped() const { return !socket_.valid(); }
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  AcceptLoop(UniqueFd socket, UniqueFd stop, std::string name)
      : socket_(std::move(socket)), stop_(std::move(stop)), name_(std::move(name)) {}

  void Run(const std::function<void(UniqueFd)>& accepted) const;

  UniqueFd socket_;
  const UniqueFd stop_;  // an eventfd
  const std::string name_;
  std::thread thread_;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_ACCEPT_LOOP_H_

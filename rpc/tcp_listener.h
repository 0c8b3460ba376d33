// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_TCP_LISTENER_H_
#define NODEVOL_RPC_TCP_LISTENER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "base/unique_fd.h"
#include "rpc/accept_loop.h"

namespace nodevol::rpc {

// "HOST:PORT", "[V6]:PORT" or ":PORT". INVALID_ARGUMENT, with the remedy, for anything else.
struct HostPort {
  std::string host;  // "" for all addresses
  uint16_t port = 0;
};
absl::StatusOr<HostPort> ParseHostPort(absl::string_view text);

// Listens on a TCP port; who connects is handed on (AcceptLoop). A host must be an address: names
// are not looked up. UNAVAILABLE when the port is taken.
absl::StatusOr<std::unique_ptr<AcceptLoop>> ListenTcp(const HostPort& address,
                                                      const std::string& thread_name);
// The port of a listening socket: the kernel's choice, where 0 was asked for.
absl::StatusOr<uint16_t> PortOf(int socket);

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_TCP_LISTENER_H_

// SPDX-License-Identifier: Apache-2.0
#include "rpc/tcp_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::rpc {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

absl::StatusOr<AddressList> Resolve(const HostPort& address) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                  absl::StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address.host, "\" is no IP address: ", ::gai_strerror(error)));
  }
  return AddressList(found, &::freeaddrinfo);
}

absl::StatusOr<UniqueFd> BindTo(const addrinfo& address) {
  UniqueFd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return ErrnoStatus(errno, "socket");
  const int on = 1;
  // The connections of a process that has just ended do not keep the port from the next.
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      // Inherited by what is accepted: small messages go out at once.
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
    return ErrnoStatus(errno, "setsockopt");
  }
  if (::bind(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    return ErrnoStatus(errno, "bind");
  }
  return socket;
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(absl::string_view text) {
  const absl::Status malformed = absl::InvalidArgumentError(absl::StrCat(
      "address \"", text, "\" must be HOST:PORT, such as 10.0.0.1:9443, [::1]:9443 or :9443"));
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return malformed;
  HostPort address;
  int port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return malformed;
  }
  address.port = static_cast<uint16_t>(port);
  absl::string_view host = text.substr(0, colon);
  const bool bracketed = absl::ConsumePrefix(&host, "[");
  if (bracketed != absl::ConsumeSuffix(&host, "]")) return malformed;
  if (!bracketed && host.find(':') != absl::string_view::npos) return malformed;
  address.host = std::string(host);
  return address;
}

absl::StatusOr<std::unique_ptr<AcceptLoop>> ListenTcp(const HostPort& address,
                                                      const std::string& thread_name) {
  ASSIGN_OR_RETURN(const AddressList addresses, Resolve(address));
  absl::Status last = absl::UnavailableError("there is no such address");
  for (const addrinfo* next = addresses.get(); next != nullptr; next = next->ai_next) {
    absl::StatusOr<UniqueFd> socket = BindTo(*next);
    if (socket.ok()) return AcceptLoop::Create(*std::move(socket), thread_name);
    last = absl::UnavailableError(absl::StrCat("can't listen on ", address.host, ":", address.port,
                                               ": ", socket.status().message()));
  }
  return last;
}

absl::StatusOr<uint16_t> PortOf(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return ErrnoStatus(errno, "getsockname");
  }
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace nodevol::rpc

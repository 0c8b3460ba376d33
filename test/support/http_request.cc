// SPDX-License-Identifier: Apache-2.0
#include "test/support/http_request.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "base/unique_fd.h"

namespace nodevol::testing {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// Invalid when nobody listens.
UniqueFd Connect(uint16_t port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    socket.reset();
  }
  return socket;
}

bool Send(const UniqueFd& socket, const std::string& text) {
  return ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

}  // namespace

uint16_t FreePort() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

UniqueFd BeginHttp(uint16_t port) {
  UniqueFd client = Connect(port);
  EXPECT_TRUE(Send(client, "GET /metrics HTTP/1.1\r\n"));
  return client;
}

std::string AskHttp(uint16_t port, const std::string& method_and_path) {
  const UniqueFd socket = Connect(port);
  const std::string request =
      absl::StrCat(method_and_path, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  // A server that ends may have closed it already.
  if (!socket.valid() || !Send(socket, request)) return "";
  std::string answer;
  std::array<char, 4096> buffer = {};
  for (ssize_t got = 0; (got = ::read(socket.get(), buffer.data(), buffer.size())) > 0;) {
    answer.append(buffer.data(), static_cast<size_t>(got));
  }
  return answer;
}

}  // namespace nodevol::testing

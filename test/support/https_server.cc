// SPDX-License-Identifier: Apache-2.0
#include "test/support/https_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "openssl/err.h"

#include "base/status_macros.h"
#include "rpc/tcp_listener.h"

namespace nodevol::testing {
namespace {

constexpr size_t kMaxRequestBytes = 1 << 20;
constexpr char kEndOfHead[] = "\r\n\r\n";

using Ssl = std::unique_ptr<SSL, link::openssl::Deleter<SSL_free>>;

// Takes requests from the connection, one after the other.
class Reader {
 public:
  explicit Reader(SSL* ssl) : ssl_(ssl) {}

  // nullopt when the client has ended the connection, or sends what is no request.
  std::optional<HttpsRequest> Next() {
    size_t end = 0;
    while ((end = buffer_.find(kEndOfHead)) == std::string::npos) {
      if (!ReadMore()) return std::nullopt;
    }
    std::optional<HttpsRequest> request = ParseHead(absl::string_view(buffer_).substr(0, end));
    buffer_.erase(0, end + sizeof(kEndOfHead) - 1);
    if (!request.has_value()) return std::nullopt;
    size_t size = 0;
    if (const auto length = request->headers.find("content-length");
        length != request->headers.end() &&
        (!absl::SimpleAtoi(length->second, &size) || size > kMaxRequestBytes)) {
      return std::nullopt;
    }
    while (buffer_.size() < size) {
      if (!ReadMore()) return std::nullopt;
    }
    request->body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return request;
  }

 private:
  bool ReadMore() {
    std::array<char, 16384> part = {};
    const int got = SSL_read(ssl_, part.data(), static_cast<int>(part.size()));
    if (got <= 0) return false;
    buffer_.append(part.data(), static_cast<size_t>(got));
    return buffer_.size() <= 2 * kMaxRequestBytes;
  }

  static std::optional<HttpsRequest> ParseHead(absl::string_view head) {
    const std::vector<absl::string_view> lines = absl::StrSplit(head, "\r\n");
    const std::vector<absl::string_view> words = absl::StrSplit(lines.front(), ' ');
    if (words.size() != 3) return std::nullopt;
    HttpsRequest request;
    request.method = std::string(words[0]);
    request.target = std::string(words[1]);
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> header =
          absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
      request.headers[absl::AsciiStrToLower(header.first)] =
          std::string(absl::StripAsciiWhitespace(header.second));
    }
    return request;
  }

  SSL* const ssl_;
  std::string buffer_;
};

bool Write(SSL* ssl, const HttpsAnswer& answer) {
  const std::string text =
      absl::StrCat("HTTP/1.1 ", answer.code, " Whatever\r\nContent-Type: application/json\r\n",
                   answer.header, answer.header.empty() ? "" : "\r\n",
                   "Content-Length: ", answer.body.size(), "\r\n\r\n", answer.body);
  size_t written = 0;
  return SSL_write_ex(ssl, text.data(), text.size(), &written) == 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpsServer>> HttpsServer::Start(
    const link::Certificate& certificate, Handler handler, uint16_t port) {
  ::signal(SIGPIPE, SIG_IGN);
  Context context(SSL_CTX_new(TLS_server_method()));
  const std::vector<link::openssl::Cert> chain = link::openssl::ReadCertificates(certificate.cert);
  const link::openssl::Key key = link::openssl::ReadKey(certificate.key);
  if (chain.empty() || key == nullptr ||
      SSL_CTX_use_certificate(context.get(), chain.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return absl::InvalidArgumentError("the test's certificate is no good");
  }
  std::unique_ptr<HttpsServer> server(new HttpsServer(std::move(context), std::move(handler)));
  HttpsServer* const self = server.get();
  ASSIGN_OR_RETURN(self->accept_, rpc::ListenTcp({"127.0.0.1", port}, "https-accept"));
  ASSIGN_OR_RETURN(self->port_, rpc::PortOf(self->accept_->socket()));
  self->accept_->Start([self](UniqueFd socket) { self->Accept(std::move(socket)); });
  return server;
}

HttpsServer::~HttpsServer() {
  if (accept_ != nullptr) accept_->Stop();
  std::list<Connection> connections;
  {
    absl::MutexLock lock(&mutex_);
    connections.swap(connections_);
  }
  for (Connection& connection : connections) {
    ::shutdown(connection.socket.get(), SHUT_RDWR);
    connection.thread.join();
  }
}

void HttpsServer::Accept(UniqueFd socket) {
  // The thread waits; it came without that.
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) return;
  const int number = socket.get();
  absl::MutexLock lock(&mutex_);
  connections_.push_back({std::move(socket), std::thread([this, number] { Serve(number); })});
}

void HttpsServer::Serve(int socket) const {
  const Ssl ssl(SSL_new(context_.get()));
  SSL_set_fd(ssl.get(), socket);
  if (SSL_accept(ssl.get()) == 1) {
    Reader reader(ssl.get());
    while (const std::optional<HttpsRequest> request = reader.Next()) {
      if (!Write(ssl.get(), handler_(*request))) break;
    }
  }
  ERR_clear_error();
  // The client is told; the descriptor stays until the server ends.
  ::shutdown(socket, SHUT_RDWR);
}

}  // namespace nodevol::testing

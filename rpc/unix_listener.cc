// SPDX-License-Identifier: Apache-2.0
#include "rpc/unix_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "base/errno_status.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace nodevol::rpc {
namespace {

// The temporary name beside the socket is a little longer.
constexpr size_t kTemporaryExtra = 20;
constexpr size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1 - kTemporaryExtra;

absl::Status BindTo(int socket, const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("bind ", path));
  }
  return absl::OkStatus();
}

absl::Status CheckLength(absl::string_view path) {
  if (path.size() <= kMaxPathBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("endpoint path ", path, " has ", path.size(),
                                                 " bytes, a socket's can have ", kMaxPathBytes));
}

// The socket's directory, when only that is missing: for root alone, as the socket is.
absl::Status MakeDirectory(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  if (directory.empty() || ::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the endpoint's directory ", directory, " can't be made: ",
                   ErrnoStatus(errno, "mkdir").message(), "; make it, or name another endpoint"));
}

absl::Status CheckReplaceable(const std::string& path) {
  const absl::StatusOr<host::FileInfo> info = host::InspectPath(path);
  if (ErrnoOf(info.status()) == ENOENT || (info.ok() && S_ISSOCK(info->mode))) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(info.status());
  return absl::FailedPreconditionError(
      absl::StrCat(path, " exists and is no socket; name another path or remove it"));
}

}  // namespace

absl::StatusOr<std::string> ParseEndpoint(absl::string_view endpoint) {
  absl::string_view path = endpoint;
  if (!absl::ConsumePrefix(&path, "unix://") || path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("endpoint \"", endpoint,
                     "\" must be unix:// and an absolute path, such as "
                     "unix:///run/nodevol/csi.sock; other transports are not offered"));
  }
  RETURN_IF_ERROR(CheckLength(path));
  return std::string(path);
}

absl::StatusOr<uid_t> PeerUser(int connection) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return ErrnoStatus(errno, "ask who is connected");
  }
  return peer.uid;
}

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Bind(const std::string& path) {
  RETURN_IF_ERROR(CheckLength(path));
  RETURN_IF_ERROR(MakeDirectory(path));
  RETURN_IF_ERROR(CheckReplaceable(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return ErrnoStatus(errno, "socket");
  // A name with a dot in front: kubelet, which watches one of the directories for sockets, passes
  // over those.
  const size_t name = path.rfind('/') + 1;
  const std::string temporary =
      absl::StrCat(path.substr(0, name), ".", path.substr(name), ".", RandomHex(4), ".tmp");
  RETURN_IF_ERROR(BindTo(socket.get(), temporary));
  // Under its final name it may be another process's a moment later.
  const absl::StatusOr<host::FileInfo> identity = host::InspectPath(temporary);
  absl::Status ready = identity.status();
  // Nobody can connect before listen, so the mode is right from the first moment.
  if (ready.ok() && ::chmod(temporary.c_str(), 0600) != 0)
    ready = ErrnoStatus(errno, "chmod the socket");
  absl::StatusOr<std::unique_ptr<AcceptLoop>> loop;
  if (ready.ok()) loop = AcceptLoop::Create(std::move(socket), "csi-accept");
  if (ready.ok()) ready = loop.status();
  if (ready.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    ready = ErrnoStatus(errno, absl::StrCat("rename the socket to ", path));
  }
  if (!ready.ok()) {
    ::unlink(temporary.c_str());
    return ready;
  }
  return std::unique_ptr<UnixListener>(new UnixListener(path, *std::move(loop), *identity));
}

UnixListener::~UnixListener() { Stop(); }

void UnixListener::Stop() {
  if (loop_->stopped()) return;
  loop_->Stop();
  if (IsAtPath()) ::unlink(path_.c_str());
}

bool UnixListener::IsAtPath() const {
  const absl::StatusOr<host::FileInfo> now = host::InspectPath(path_);
  return now.ok() && now->SameFileAs(identity_);
}

}  // namespace nodevol::rpc

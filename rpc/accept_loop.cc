// SPDX-License-Identifier: Apache-2.0
#include "rpc/accept_loop.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/log.h"

namespace nodevol::rpc {
namespace {

// All nodes of a large cluster connect in the same moment when a controller has been started again:
// whom the queue has no room for tries again after a second, then after three. The kernel takes no
// more than net.core.somaxconn, 4096 unless it is set.
constexpr int kBacklog = 8192;
// How long to leave the queue alone when descriptors have run out: those who wait in it are served
// when some are free again.
constexpr absl::Duration kPauseWithoutDescriptors = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<std::unique_ptr<AcceptLoop>> AcceptLoop::Create(UniqueFd socket, std::string name) {
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop.valid()) return ErrnoStatus(errno, "eventfd");
  if (::listen(socket.get(), kBacklog) != 0) return ErrnoStatus(errno, "listen");
  return std::unique_ptr<AcceptLoop>(
      new AcceptLoop(std::move(socket), std::move(stop), std::move(name)));
}

void AcceptLoop::Start(std::function<void(UniqueFd)> accepted) {
  thread_ = std::thread([this, callback = std::move(accepted)] {
    pthread_setname_np(pthread_self(), name_.c_str());
    Run(callback);
  });
}

void AcceptLoop::Run(const std::function<void(UniqueFd)>& accepted) const {
  bool warned = false;
  while (true) {
    std::array<pollfd, 2> events = {{{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    if (::poll(events.data(), events.size(), -1) < 0 && errno != EINTR) {
      log::Error("poll on the socket failed", {{"error", ErrnoStatus(errno, "poll")}});
      absl::SleepFor(kPauseWithoutDescriptors);
    }
    if (events[1].revents != 0) return;
    if (events[0].revents == 0) continue;
    UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.valid()) {
      warned = false;
      accepted(std::move(connection));
      continue;
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) continue;
    // EMFILE, ENFILE, ENOMEM, ENOBUFS: they pass; who connected waits in the backlog.
    if (!warned)
      log::Warn("can't accept a connection now", {{"error", ErrnoStatus(errno, "accept")}});
    warned = true;
    absl::SleepFor(kPauseWithoutDescriptors);
  }
}

void AcceptLoop::Stop() {
  if (!socket_.valid()) return;
  if (thread_.joinable()) {
    const uint64_t one = 1;
    // A write of 8 bytes to an eventfd that nobody else writes can't fail.
    if (::write(stop_.get(), &one, sizeof(one)) < 0) log::Error("can't stop the accept loop");
    thread_.join();
  }
  socket_.reset();
}

}  // namespace nodevol::rpc

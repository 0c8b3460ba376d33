// SPDX-License-Identifier: Apache-2.0
#include "host/freeze_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "host/freeze_guard_protocol.h"
#include "host/spawn_setup.h"

namespace nodevol::host {
namespace {

constexpr char kSelf[] = "/proc/self/exe";
// Loading the program takes a disk's time.
constexpr int kStartMilliseconds = 10'000;

absl::StatusOr<UniqueFd> DuplicateAbove(int fd, int lowest) {
  UniqueFd duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, lowest));
  if (!duplicate.valid()) return ErrnoStatus(errno, "duplicate a descriptor");
  return duplicate;
}

absl::StatusOr<pid_t> Spawn(const std::vector<FreezeGuard::Filesystem>& filesystems,
                            absl::Duration limit, int control) {
  const int end = freeze_guard::kFirstFilesystem + static_cast<int>(filesystems.size());
  std::vector<UniqueFd> sources;
  SpawnFileActions actions;
  const auto give = [&](int fd, int as) -> absl::Status {
    ASSIGN_OR_RETURN(UniqueFd source, DuplicateAbove(fd, end));
    actions.Duplicate(source.get(), as);
    sources.push_back(std::move(source));
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const UniqueFd null, OpenPath("/dev/null", O_RDWR));
  RETURN_IF_ERROR(give(control, freeze_guard::kControl));
  RETURN_IF_ERROR(give(null.get(), STDOUT_FILENO));
  RETURN_IF_ERROR(give(null.get(), STDERR_FILENO));
  int as = freeze_guard::kFirstFilesystem;
  for (const FreezeGuard::Filesystem& filesystem : filesystems) {
    RETURN_IF_ERROR(give(filesystem.fd, as++));
  }
  actions.CloseFrom(end);
  SpawnAttributes attributes;
  attributes.OwnSessionWithoutSignals();

  std::string name = "nodevol";
  std::string command = freeze_guard::kCommand;
  std::string count = absl::StrCat(filesystems.size());
  std::string milliseconds = absl::StrCat(absl::ToInt64Milliseconds(limit));
  std::array<char*, 5> arguments = {name.data(), command.data(), count.data(), milliseconds.data(),
                                    nullptr};
  std::array<char*, 1> environment = {nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, kSelf, actions.get(), attributes.get(), arguments.data(),
                                  environment.data());
  if (error != 0) return ErrnoStatus(error, "start it");
  return pid;
}

}  // namespace

absl::StatusOr<FreezeGuard> FreezeGuard::Start(std::vector<Filesystem> filesystems,
                                               absl::Duration limit) {
  const auto failed = [](const absl::Status& why) {
    return absl::UnavailableError(
        absl::StrCat("the helper that thaws what is to be frozen can't be used: ", why.message()));
  };
  std::array<int, 2> ends = {};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return failed(ErrnoStatus(errno, "make a socket"));
  }
  UniqueFd control(ends[0]);
  const UniqueFd theirs(ends[1]);
  const absl::StatusOr<pid_t> helper = Spawn(filesystems, limit, theirs.get());
  if (!helper.ok()) return failed(helper.status());
  FreezeGuard guard(std::move(filesystems), limit, std::move(control), *helper);
  if (const absl::Status ready = guard.AwaitReady(); !ready.ok()) return failed(ready);
  return guard;
}

absl::Status FreezeGuard::AwaitReady() const {
  for (size_t ready = 0; ready < filesystems_.size(); ++ready) {
    pollfd poll_fd = {control_.get(), POLLIN, 0};
    int polled = 0;
    do {
      polled = ::poll(&poll_fd, 1, kStartMilliseconds);
    } while (polled < 0 && errno == EINTR);
    if (polled == 0) return absl::DeadlineExceededError("it does not become ready");
    char said = 0;
    if (::recv(control_.get(), &said, 1, 0) != 1 || said != freeze_guard::kReady) {
      return absl::InternalError("it has ended before it was ready");
    }
  }
  return absl::OkStatus();
}

FreezeGuard::~FreezeGuard() {
  if (!frozen_.empty()) Thaw().IgnoreError();
  EndHelper(/*at_once=*/true);
}

absl::Status FreezeGuard::CheckTime() const {
  if (MonotonicNow() < deadline_) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat("filesystems are kept frozen for at most ",
                                                  absl::FormatDuration(limit_),
                                                  ", and that was too short"));
}

absl::Status FreezeGuard::Freeze() {
  // Never later than the helper's, whose clocks begin when they hear this.
  deadline_ = MonotonicNow() + limit_;
  const std::string go(filesystems_.size(), freeze_guard::kGo);
  if (::send(control_.get(), go.data(), go.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(go.size())) {
    return absl::UnavailableError("the helper that thaws what is to be frozen has ended");
  }
  const std::vector<absl::Status> all = InParallel(
      filesystems_.size(), [this](size_t i) { return host::Freeze(filesystems_[i].fd); });
  absl::Status failed;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].ok()) {
      frozen_.push_back(i);
    } else if (ErrnoOf(all[i]) == EBUSY) {
      failed.Update(absl::FailedPreconditionError(
          absl::StrCat(filesystems_[i].name,
                       " is frozen already, by somebody else (fsfreeze); retry when it is not")));
    } else {
      failed.Update(Annotate(all[i], filesystems_[i].name));
    }
  }
  RETURN_IF_ERROR(failed);
  return CheckTime();
}

absl::Status FreezeGuard::Thaw() {
  absl::Status kept = CheckTime();
  absl::Status thawed;
  for (const size_t i : frozen_) {
    const absl::StatusOr<bool> was_frozen = host::Thaw(filesystems_[i].fd);
    if (!was_frozen.ok()) {
      thawed.Update(Annotate(was_frozen.status(), filesystems_[i].name));
    } else if (!*was_frozen) {
      kept.Update(absl::AbortedError(
          absl::StrCat(filesystems_[i].name, " was thawed by somebody else; retry")));
    }
  }
  frozen_.clear();
  // What could not be thawed the helper tries once more.
  EndHelper(/*at_once=*/thawed.ok());
  RETURN_IF_ERROR(thawed);
  return kept;
}

void FreezeGuard::EndHelper(bool at_once) {
  if (helper_ < 0) return;
  if (at_once) {
    ::kill(helper_, SIGKILL);
  } else {
    control_.reset();
  }
  while (::waitpid(helper_, nullptr, 0) < 0 && errno == EINTR) {
  }
  helper_ = -1;
}

}  // namespace nodevol::host

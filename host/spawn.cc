// SPDX-License-Identifier: Apache-2.0
#include "host/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/spawn_setup.h"

namespace nodevol::host {
namespace {

constexpr size_t kOutputBytes = 2048;  // the last of it goes into the error

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

absl::StatusOr<pid_t> Start(const std::vector<std::string>& command, int file, int output) {
  const UniqueFd high_file(::fcntl(file, F_DUPFD_CLOEXEC, 10));
  const UniqueFd high_output(::fcntl(output, F_DUPFD_CLOEXEC, 10));
  ASSIGN_OR_RETURN(const UniqueFd null, OpenPath("/dev/null", O_RDONLY));
  const UniqueFd high_null(::fcntl(null.get(), F_DUPFD_CLOEXEC, 10));
  if (!high_file.valid() || !high_output.valid() || !high_null.valid()) {
    return ErrnoStatus(errno, "duplicate a descriptor");
  }
  SpawnFileActions actions;
  actions.Duplicate(high_null.get(), STDIN_FILENO);
  actions.Duplicate(high_output.get(), STDOUT_FILENO);
  actions.Duplicate(high_output.get(), STDERR_FILENO);
  actions.Duplicate(high_file.get(), kSpawnFileDescriptor);
  actions.CloseFrom(kSpawnFileDescriptor + 1);

  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::string locale = "LC_ALL=C";
  std::array<char*, 3> environment = {path.data(), locale.data(), nullptr};

  SpawnAttributes attributes;
  attributes.OwnGroup();
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, command.front().c_str(), actions.get(), attributes.get(),
                                  arguments.data(), environment.data());
  if (error == ENOENT) {
    return absl::FailedPreconditionError(
        absl::StrCat(command.front(), " is not installed on this node"));
  }
  if (error != 0) return ErrnoStatus(error, absl::StrCat("start ", command.front()));
  return pid;
}

bool AwaitReadable(int fd, absl::Duration deadline) {
  while (true) {
    const int64_t left = std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - MonotonicNow()));
    pollfd poll_fd = {fd, POLLIN, 0};
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (ready > 0) return true;
    if (MonotonicNow() >= deadline) return false;
  }
}

// Reads until the program has closed its output or the deadline has come.
bool Collect(int pipe, absl::Duration deadline, std::string& output) {
  while (AwaitReadable(pipe, deadline)) {
    std::array<char, 1024> chunk = {};
    const ssize_t got = ::read(pipe, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    output.append(chunk.data(), static_cast<size_t>(got));
    if (output.size() > 2 * kOutputBytes) output.erase(0, output.size() - kOutputBytes);
  }
  return false;
}

// A program may close its output long before it ends.
bool AwaitEnd(pid_t pid, absl::Duration deadline) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return !process.valid() || AwaitReadable(process.get(), deadline);
}

int Reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

absl::Status Run(const std::vector<std::string>& command, int file, absl::Duration timeout,
                 const std::vector<int>& ok_statuses) {
  const absl::Duration deadline = MonotonicNow() + timeout;
  ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  ASSIGN_OR_RETURN(const pid_t pid, Start(command, file, pipe.write.get()));
  pipe.write.reset();
  std::string output;
  const bool ended = Collect(pipe.read.get(), deadline, output) && AwaitEnd(pid, deadline);
  if (!ended) ::kill(-pid, SIGKILL);
  const int status = Reap(pid);
  if (!ended) {
    return absl::DeadlineExceededError(
        absl::StrCat(command.front(), " did not end within ", absl::FormatDuration(timeout)));
  }
  if (WIFEXITED(status) &&
      std::find(ok_statuses.begin(), ok_statuses.end(), WEXITSTATUS(status)) != ok_statuses.end()) {
    return absl::OkStatus();
  }
  const std::string how = WIFEXITED(status)
                              ? absl::StrCat("exited with status ", WEXITSTATUS(status))
                              : absl::StrCat("was ended by signal ", WTERMSIG(status));
  if (output.size() > kOutputBytes) output.erase(0, output.size() - kOutputBytes);
  return absl::InternalError(absl::StrCat(absl::StrJoin(command, " "), " ", how, ": ",
                                          absl::StripAsciiWhitespace(output)));
}

}  // namespace nodevol::host

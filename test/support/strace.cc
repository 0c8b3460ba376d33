// SPDX-License-Identifier: Apache-2.0
#include "test/support/strace.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"

namespace nodevol::testing {
namespace {

constexpr char kProgram[] = "/usr/bin/strace";

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// Ids of the process's threads whose names begin with `prefix`.
absl::StatusOr<std::vector<std::string>> ThreadsOf(pid_t pid, const std::string& prefix) {
  const std::string path = absl::StrCat("/proc/", pid, "/task");
  ASSIGN_OR_RETURN(const UniqueFd directory, host::OpenPath(path, O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const std::vector<std::string> all, host::ListDirectory(directory.get()));
  std::vector<std::string> threads;
  for (const std::string& id : all) {
    if (absl::StartsWith(ReadAll(absl::StrCat(path, "/", id, "/comm")), prefix)) {
      threads.push_back(id);
    }
  }
  if (threads.empty()) return absl::NotFoundError("the process has no such threads");
  return threads;
}

size_t Count(absl::string_view text, absl::string_view word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != absl::string_view::npos; at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

// Reads strace's own messages until it says that it is attached to all.
absl::Status AwaitAttached(int pipe, size_t threads) {
  std::string messages;
  while (Count(messages, " attached") < threads) {
    pollfd poll_fd = {pipe, POLLIN, 0};
    constexpr int kTimeoutMilliseconds = 20'000;
    if (::poll(&poll_fd, 1, kTimeoutMilliseconds) <= 0) {
      return absl::DeadlineExceededError(absl::StrCat("strace did not attach: ", messages));
    }
    std::array<char, 512> chunk = {};
    const ssize_t got = ::read(pipe, chunk.data(), chunk.size());
    if (got <= 0) return absl::InternalError(absl::StrCat("strace ended: ", messages));
    messages.append(chunk.data(), static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Strace> Strace::Attach(pid_t pid, const Options& options) {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  ::unlink(options.output.c_str());
  ASSIGN_OR_RETURN(const std::vector<std::string> threads, ThreadsOf(pid, options.threads));
  std::vector<std::string> arguments = {kProgram, "-y", "-s", "0"};
  arguments.insert(arguments.end(), {"-o", options.output});
  arguments.insert(arguments.end(), {"-e", absl::StrCat("trace=", options.trace)});
  if (!options.inject.empty()) {
    arguments.insert(arguments.end(), {"-e", absl::StrCat("inject=", options.inject)});
  }
  for (const std::string& thread : threads) arguments.insert(arguments.end(), {"-p", thread});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  pid_t strace = -1;
  const int error = ::posix_spawn(&strace, kProgram, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoStatus(error, "start strace");
  write_end.reset();
  Strace attached(strace, std::move(read_end), options.output);
  RETURN_IF_ERROR(AwaitAttached(attached.messages_.get(), threads.size()));
  return attached;
}

Strace::~Strace() {
  if (pid_ >= 0) Finish(/*process_is_ending=*/false);
}

std::string Strace::Finish(bool process_is_ending) {
  if (!process_is_ending) ::kill(pid_, SIGINT);
  const absl::Duration deadline = MonotonicNow() + absl::Seconds(5);
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    // What it traces goes on without it.
    if (MonotonicNow() > deadline) ::kill(pid_, SIGKILL);
    absl::SleepFor(absl::Microseconds(200));
  }
  pid_ = -1;
  return ReadAll(output_);
}

void Strace::Kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

bool WasInjected(const std::string& trace) {
  return absl::StrContains(trace, "INJECTED") || absl::StrContains(trace, "killed by SIGKILL");
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include "test/service/admin_command.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "base/unique_fd.h"
#include "test/client/driver_process.h"

namespace nodevol::testing {
namespace {

std::string ReadFromStart(int fd) {
  std::string text;
  std::string block(4096, '\0');
  while (true) {
    const ssize_t got = ::pread(fd, block.data(), block.size(), static_cast<off_t>(text.size()));
    if (got <= 0) return text;
    text.append(block, 0, static_cast<size_t>(got));
  }
}

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& words, const CommandOptions& options) {
  const UniqueFd binary(::open(DriverBinary().c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd in(::memfd_create("in", MFD_CLOEXEC));
  const UniqueFd out(::memfd_create("out", MFD_CLOEXEC));
  const UniqueFd err(::memfd_create("err", MFD_CLOEXEC));
  EXPECT_EQ(::pwrite(in.get(), options.input.data(), options.input.size(), 0),
            static_cast<ssize_t>(options.input.size()));
  std::vector<std::string> arguments = {"nodevol"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    // Other threads may hold any lock: system calls only.
    ::dup2(in.get(), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(err.get(), STDERR_FILENO);
    if (options.user != 0 && (::setgid(options.user) != 0 || ::setuid(options.user) != 0)) {
      ::_exit(126);
    }
    // By descriptor: the user may not be allowed into the directories above.
    ::fexecve(binary.get(), argv.data(), environ);
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return {.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = ReadFromStart(out.get()),
          .err = ReadFromStart(err.get())};
}

CommandResult RunOn(const ServiceNode& node, const std::string& line,
                    const CommandOptions& options) {
  std::vector<std::string> words = absl::StrSplit(line, ' ');
  words.push_back(
      absl::StrCat("--admin-socket=unix://", AdminSocketOf(node.DriverOptions().socket_path)));
  return RunCommand(words, options);
}

std::string Squeezed(const std::string& text) {
  std::string squeezed;
  for (const char c : text) {
    if (c != ' ' || squeezed.empty() || squeezed.back() != ' ') squeezed += c;
  }
  return squeezed;
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include "test/client/driver_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "test/client/csi_client.h"

namespace nodevol::testing {
namespace {

constexpr size_t kLogTail = 2000;

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string TailOf(const std::string& path) {
  const std::string text = ReadText(path);
  return text.size() > kLogTail ? text.substr(text.size() - kLogTail) : text;
}

// Where the first report of a sanitizer begins in a log; npos when there is none.
size_t FindReport(const std::string& log) {
  size_t first = std::string::npos;
  for (const char* const beginning :
       {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer",
        "FATAL: ThreadSanitizer", "runtime error: "}) {
    first = std::min(first, log.find(beginning));
  }
  return first;
}

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::string DriverBinary() {
  const char* named = std::getenv("NODEVOL_BINARY");
  return named != nullptr ? named : NODEVOL_BINARY_PATH;
}

absl::StatusOr<DriverProcess> DriverProcess::Spawn(const Options& options) {
  std::vector<std::string> arguments = {
      DriverBinary(), absl::StrCat("--endpoint=unix://", options.socket_path), "--node-id=node-1",
      absl::StrCat("--admin-socket=unix://", AdminSocketOf(options.socket_path))};
  for (const std::string& pool : options.pools) {
    arguments.push_back(absl::StrCat("--pool=", pool));
  }
  arguments.insert(arguments.end(), options.more_flags.begin(), options.more_flags.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<std::string> environment = options.environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  std::vector<char*> envp;
  for (std::string& variable : environment) envp.push_back(variable.data());
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, options.log_path.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv.front(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("start ", arguments.front()));
  return DriverProcess(options, pid);
}

absl::StatusOr<DriverProcess> DriverProcess::Start(const Options& options) {
  ASSIGN_OR_RETURN(DriverProcess driver, Spawn(options));
  RETURN_IF_ERROR(driver.AwaitServing());
  return driver;
}

DriverProcess& DriverProcess::operator=(DriverProcess&& other) noexcept {
  if (this != &other) {
    Kill();
    options_ = std::move(other.options_);
    pid_ = std::exchange(other.pid_, -1);
  }
  return *this;
}

DriverProcess::~DriverProcess() { Kill(); }

absl::Status DriverProcess::AwaitServing(absl::Duration timeout) {
  const absl::Duration deadline = MonotonicNow() + timeout;
  while (MonotonicNow() < deadline) {
    // A client that once failed to connect waits longer and longer before it tries again.
    CsiClient client(options_.socket_path, absl::Seconds(5));
    if (::access(options_.socket_path.c_str(), F_OK) == 0 &&
        client.Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()).ok()) {
      return absl::OkStatus();
    }
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return absl::UnavailableError(absl::StrCat("the driver ended with ", ExitCode(status), ":\n",
                                                 TailOf(options_.log_path)));
    }
    absl::SleepFor(absl::Milliseconds(2));
  }
  return absl::UnavailableError(
      absl::StrCat("the driver does not answer:\n", TailOf(options_.log_path)));
}

int DriverProcess::Wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return ExitCode(status);
}

int DriverProcess::Terminate() {
  ::kill(pid_, SIGTERM);
  return Wait();
}

absl::Status DriverProcess::Stop() {
  const int exit_code = Terminate();
  const std::string log = Log();
  const size_t report = FindReport(log);
  if (exit_code == 0 && report == std::string::npos) return absl::OkStatus();
  constexpr size_t kReportBytes = 8000;
  return absl::InternalError(absl::StrCat(
      "the driver ended with ", exit_code, ":\n",
      report == std::string::npos ? TailOf(options_.log_path) : log.substr(report, kReportBytes)));
}

void DriverProcess::Kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  Wait();
}

std::string DriverProcess::Log() const { return ReadText(options_.log_path); }

int64_t DriverProcess::ResidentBytes() const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string line; std::getline(file, line);) {
    absl::string_view rest = line;
    int64_t kibibytes = 0;
    if (absl::ConsumePrefix(&rest, "VmRSS:") && absl::ConsumeSuffix(&rest, " kB") &&
        absl::SimpleAtoi(rest, &kibibytes)) {
      return kibibytes * 1024;
    }
  }
  return 0;
}

}  // namespace nodevol::testing

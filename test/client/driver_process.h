// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLIENT_DRIVER_PROCESS_H_
#define NODEVOL_TEST_CLIENT_DRIVER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nodevol::testing {

// The driver as a process of its own.
class DriverProcess {
 public:
  struct Options {
    // "NAME=PATH" each.
    std::vector<std::string> pools;
    // The admin socket is beside it: AdminSocketOf.
    std::string socket_path;
    // Its standard error; appended to.
    std::string log_path;
    std::vector<std::string> more_flags = {};
    std::vector<std::string> environment = {};
  };

  // Starts the driver and waits until it answers Probe. UNAVAILABLE, with the end of its log, when
  // it ends or does not answer.
  static absl::StatusOr<DriverProcess> Start(const Options& options);
  // Starts it and returns at once.
  static absl::StatusOr<DriverProcess> Spawn(const Options& options);
  DriverProcess(DriverProcess&& other) noexcept
      : options_(std::move(other.options_)), pid_(std::exchange(other.pid_, -1)) {}
  DriverProcess& operator=(DriverProcess&& other) noexcept;
  // Kills it.
  ~DriverProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& socket_path() const { return options_.socket_path; }

  // Waits until it answers Probe.
  absl::Status AwaitServing(absl::Duration timeout = absl::Seconds(30));
  // SIGTERM; returns its exit status, or 128 + the signal that ended it.
  int Terminate();
  // SIGTERM. INTERNAL, with what it said, unless it ended with 0 and no sanitizer complained.
  absl::Status Stop();
  // SIGKILL, and waits for the end.
  void Kill();
  // Waits for an end that comes from elsewhere; returns as Terminate.
  int Wait();
  // All that it, and those before it with the same log, wrote on standard error.
  [[nodiscard]] std::string Log() const;
  // Peak and present resident memory in bytes (/proc/PID/status).
  [[nodiscard]] int64_t ResidentBytes() const;

 private:
  explicit DriverProcess(Options options, pid_t pid) : options_(std::move(options)), pid_(pid) {}

  Options options_;
  pid_t pid_;
};

// Where a DriverProcess with this CSI socket serves the administrator's commands.
inline std::string AdminSocketOf(const std::string& socket_path) { return socket_path + ".admin"; }

// The driver that was built with this program; the environment variable NODEVOL_BINARY names
// another.
std::string DriverBinary();

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLIENT_DRIVER_PROCESS_H_

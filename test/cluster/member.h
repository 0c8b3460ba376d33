// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_MEMBER_H_
#define NODEVOL_TEST_CLUSTER_MEMBER_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"

#include "test/client/driver_process.h"
#include "test/cluster/namespaces.h"

namespace nodevol::testing {

// A driver's process in namespaces of its own, which comes and goes.
class Member {
 public:
  // Nothing is started.
  Member(std::string name, Namespaces inside, DriverProcess::Options options);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Namespaces& inside() const { return inside_; }
  [[nodiscard]] const std::string& socket_path() const { return options_.socket_path; }
  [[nodiscard]] bool running() const { return process_.has_value(); }
  // While it runs.
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

  // Starts the process, unless it runs, and waits until it serves.
  absl::Status Start();
  // SIGKILL. INTERNAL, with the end of its log, when it was dead already.
  absl::Status Kill();
  // SIGTERM. INTERNAL unless it then ends well (DriverProcess::Stop); OK when it does not run.
  absl::Status Stop();
  // INTERNAL when the process that was started has ended by itself.
  [[nodiscard]] absl::Status CheckAlive() const;

  // What this and earlier processes wrote last.
  [[nodiscard]] std::string LogTail() const;

 private:
  std::string name_;
  Namespaces inside_;
  DriverProcess::Options options_;
  std::optional<DriverProcess> process_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_MEMBER_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_CONTROLLER_STAND_H_
#define NODEVOL_TEST_SCALE_CONTROLLER_STAND_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "test/client/driver_process.h"
#include "test/scale/authority.h"

namespace nodevol::testing {

// A controller replica as a process of its own: the driver with --role=controller, on a loopback
// address that no other process of this machine uses, with certificates of an authority in memory.
// In the sandbox (test/support/sandbox.h); nothing is left of it when the object is gone.
class ControllerStand {
 public:
  // Makes everything and starts the driver.
  static absl::StatusOr<std::unique_ptr<ControllerStand>> Create(
      const std::vector<std::string>& more_flags = {});
  ~ControllerStand();
  ControllerStand(const ControllerStand&) = delete;
  ControllerStand& operator=(const ControllerStand&) = delete;

  // Starts it again, after it was ended.
  absl::Status Start();
  // DriverProcess::Stop. OK when it does not run.
  absl::Status Stop();
  // SIGKILL.
  void Kill() { process_.reset(); }

  [[nodiscard]] const Authority& authority() const { return authority_; }
  // Where nodes connect, as gRPC takes it.
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const std::string& socket_path() const { return options_.socket_path; }
  // While it runs.
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

 private:
  ControllerStand(Authority authority, std::string directory, std::string address,
                  DriverProcess::Options options)
      : authority_(std::move(authority)),
        directory_(std::move(directory)),
        address_(std::move(address)),
        options_(std::move(options)) {}

  absl::Status WriteCertificates() const;

  const Authority authority_;
  const std::string directory_;
  const std::string address_;
  const DriverProcess::Options options_;
  std::optional<DriverProcess> process_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_CONTROLLER_STAND_H_

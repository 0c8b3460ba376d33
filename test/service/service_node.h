// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_SERVICE_NODE_H_
#define NODEVOL_TEST_SERVICE_SERVICE_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/bytes.h"
#include "test/client/driver_process.h"
#include "test/client/ground.h"
#include "test/client/volume_client.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {

// A node: a disk with a pool, the driver on it, a client, and a directory for the paths of pods.
// Whatever a test leaves mounted ends with it.
class ServiceNode {
 public:
  struct Options {
    Ground ground;
    int64_t pool_bytes = 4 * kGiB;
    std::vector<std::string> more_flags = {};
  };

  static absl::StatusOr<std::unique_ptr<ServiceNode>> Create(Options options);
  ~ServiceNode();
  ServiceNode(const ServiceNode&) = delete;
  ServiceNode& operator=(const ServiceNode&) = delete;

  [[nodiscard]] const Ground& ground() const { return options_.ground; }
  // Beneath it is room for sockets, logs and the paths of pods.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] const TestFilesystem& disk() const { return disk_; }
  TestFilesystem& disk() { return disk_; }
  DriverProcess& driver() { return *driver_; }
  VolumeClient& client() { return *client_; }
  [[nodiscard]] DriverProcess::Options DriverOptions() const;

  // Starts the driver (again) and connects anew.
  absl::Status Start();
  // Ends the driver: DriverProcess::Stop. OK when it does not run.
  absl::Status Stop();

  // A volume of the ground's kind; returns its id.
  absl::StatusOr<std::string> CreateVolume(const std::string& name);

 private:
  ServiceNode(Options options, TestFilesystem disk);
  void UnmountAll() const;

  const Options options_;
  TestFilesystem disk_;
  const std::string directory_;
  std::optional<DriverProcess> driver_;
  std::unique_ptr<VolumeClient> client_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_SERVICE_NODE_H_

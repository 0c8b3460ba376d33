// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CRASH_WORLD_H_
#define NODEVOL_TEST_CRASH_WORLD_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "test/client/driver_process.h"
#include "test/client/ground.h"
#include "test/client/volume_client.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {

// A pool, a driver on it, a client, and the paths of one volume's staging and target.
class World {
 public:
  // The environment variable NODEVOL_CRASH_PRELOAD names a library for the driver's LD_PRELOAD: a
  // planted fault, which the test must find.
  static absl::StatusOr<std::unique_ptr<World>> Create(const Ground& ground);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // How the names of the pool's threads begin.
  static constexpr char kWorkers[] = "p-";

  [[nodiscard]] const Ground& ground() const { return ground_; }
  DriverProcess& driver() { return *driver_; }
  VolumeClient& client() { return *client_; }
  // Of the admin socket.
  CsiClient& admin() { return *admin_; }
  TestFilesystem& disk() { return disk_; }
  [[nodiscard]] const std::string& staging() const { return staging_; }
  [[nodiscard]] std::string target() const { return target_; }
  // The same for a second volume.
  [[nodiscard]] std::string second_staging() const { return staging_ + "-2"; }
  [[nodiscard]] std::string second_target() const { return target_ + "-2"; }
  [[nodiscard]] std::string TracePath() const { return directory_ + "/trace"; }
  [[nodiscard]] std::string Log() const;

  // What a scenario's steps tell each other.
  std::string volume_id;
  std::string snapshot_id;
  std::string restored_id;
  std::string inline_id;
  std::string second_volume_id;
  csi::v1::VolumeGroupSnapshot group;

  // True when it does not answer, because it was killed.
  bool DriverIsGone();
  // Starts the driver (again) and connects anew.
  absl::Status StartDriver();

  // Writes a file through the published target, durably; for block volumes the device's first
  // bytes.
  absl::Status WriteContent(const std::string& content);
  absl::StatusOr<std::string> ReadContent();

  // Unpublishes, unstages and deletes everything, over the socket.
  absl::Status TearDown();
  // Waits until the reaper has emptied the trash. UNAVAILABLE when the driver dies meanwhile.
  absl::Status AwaitReaped();
  // OK when neither the pool, nor the mount table, nor the kernel's loop devices, nor btrfs's
  // subvolumes and quota groups have anything left. What the driver and the kernel remove in the
  // background gets time for it.
  absl::Status CheckClean();
  // The same for what a start must have removed: staging, and loop devices that nothing uses.
  absl::Status CheckRecovered();

  // A power cut: the filesystem stops, the driver dies, everything is mounted again, the driver
  // started. Returns the driver's start.
  absl::Status CutPowerAndReboot();

 private:
  World(Ground ground, TestFilesystem disk) : ground_(std::move(ground)), disk_(std::move(disk)) {}

  [[nodiscard]] DriverProcess::Options DriverOptions() const;
  absl::Status Probe();
  void UnmountAll() const;
  absl::Status DeleteSnapshots();

  const Ground ground_;
  TestFilesystem disk_;
  std::string directory_;
  std::string staging_;
  std::string target_;
  int initial_mounts_ = 0;
  std::optional<DriverProcess> driver_;
  std::unique_ptr<VolumeClient> client_;
  std::unique_ptr<CsiClient> admin_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CRASH_WORLD_H_

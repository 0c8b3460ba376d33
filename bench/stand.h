// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_STAND_H_
#define NODEVOL_BENCH_STAND_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "test/client/driver_process.h"
#include "test/support/sandbox.h"

namespace nodevol::bench {

// What a driver takes of its machine.
struct Footprint {
  int64_t resident_bytes = 0;
  int descriptors = 0;
};

// A filesystem in a sparse file without a name, and the driver as a process of its own with that
// filesystem as its pool. Nothing is left of them when the object is gone.
class Stand {
 public:
  static absl::StatusOr<Stand> Start(testing::TestFilesystem::Options filesystem);
  Stand(Stand&&) = default;
  Stand& operator=(Stand&&) = delete;
  ~Stand();

  [[nodiscard]] const std::string& filesystem() const { return filesystem_.path(); }
  [[nodiscard]] const std::string& socket_path() const { return options_.socket_path; }
  [[nodiscard]] absl::StatusOr<Footprint> MeasureFootprint() const;

  // Waits until the driver has removed what was deleted, and writes everything out: work that one
  // measurement caused is not done during the next.
  absl::Status Settle();
  // Ends the driver and starts it again; how long it took until it served.
  absl::StatusOr<absl::Duration> Restart();
  // The same with a new mount of the filesystem: nothing of it is in memory, as after a boot.
  absl::StatusOr<absl::Duration> RestartCold();
  // Ends the driver as systemd or kubelet would.
  absl::Status Stop();

 private:
  Stand(testing::TestFilesystem filesystem, testing::DriverProcess::Options options)
      : filesystem_(std::move(filesystem)), options_(std::move(options)) {}

  absl::StatusOr<absl::Duration> StartDriver();

  testing::TestFilesystem filesystem_;
  testing::DriverProcess::Options options_;
  std::optional<testing::DriverProcess> driver_;  // ends before its filesystem
};

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_STAND_H_

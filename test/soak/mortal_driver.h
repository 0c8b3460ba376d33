// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SOAK_MORTAL_DRIVER_H_
#define NODEVOL_TEST_SOAK_MORTAL_DRIVER_H_

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "test/client/driver_process.h"

namespace nodevol::testing {

// A driver that is killed at random moments and started again at once.
class MortalDriver {
 public:
  explicit MortalDriver(DriverProcess::Options options);
  // Ends the killing, and the driver.
  ~MortalDriver();

  // Starts it; from then on it lives between `shortest` and `longest` at a time, until Spare().
  absl::Status Start(absl::Duration shortest, absl::Duration longest, unsigned seed);
  // It is killed no more. Returns why it could not be started again, if it could not.
  absl::Status Spare();

  [[nodiscard]] int kills() const;
  // Only after Spare().
  DriverProcess& process() { return process_.front(); }

 private:
  void Kill(absl::Duration shortest, absl::Duration longest, unsigned seed);

  const DriverProcess::Options options_;
  std::vector<DriverProcess> process_;  // one, the killer's while it runs
  mutable absl::Mutex mutex_;
  bool spared_ ABSL_GUARDED_BY(mutex_) = false;
  int kills_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status trouble_ ABSL_GUARDED_BY(mutex_);
  std::thread killer_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SOAK_MORTAL_DRIVER_H_

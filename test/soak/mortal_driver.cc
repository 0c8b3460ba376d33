// SPDX-License-Identifier: Apache-2.0
#include "test/soak/mortal_driver.h"

#include <random>
#include <utility>

#include "base/status_macros.h"

namespace nodevol::testing {

MortalDriver::MortalDriver(DriverProcess::Options options) : options_(std::move(options)) {}

MortalDriver::~MortalDriver() { Spare().IgnoreError(); }

absl::Status MortalDriver::Start(absl::Duration shortest, absl::Duration longest, unsigned seed) {
  ASSIGN_OR_RETURN(DriverProcess process, DriverProcess::Start(options_));
  process_.push_back(std::move(process));
  killer_ = std::thread([=, this] { Kill(shortest, longest, seed); });
  return absl::OkStatus();
}

void MortalDriver::Kill(absl::Duration shortest, absl::Duration longest, unsigned seed) {
  std::minstd_rand random(seed);
  std::uniform_real_distribution<double> life(absl::ToDoubleSeconds(shortest),
                                              absl::ToDoubleSeconds(longest));
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&spared_), absl::Seconds(life(random)));
      if (spared_) return;
      ++kills_;
    }
    process_.front().Kill();
    process_.clear();
    absl::StatusOr<DriverProcess> next = DriverProcess::Start(options_);
    if (!next.ok()) {
      absl::MutexLock lock(&mutex_);
      trouble_ = next.status();
      return;
    }
    process_.push_back(*std::move(next));
  }
}

absl::Status MortalDriver::Spare() {
  {
    absl::MutexLock lock(&mutex_);
    spared_ = true;
  }
  if (killer_.joinable()) killer_.join();
  absl::MutexLock lock(&mutex_);
  return trouble_;
}

int MortalDriver::kills() const {
  absl::MutexLock lock(&mutex_);
  return kills_;
}

}  // namespace nodevol::testing

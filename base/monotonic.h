// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_MONOTONIC_H_
#define NODEVOL_BASE_MONOTONIC_H_

#include <chrono>

#include "absl/time/time.h"

namespace nodevol {

// Time since some fixed moment, never set back by an administrator or NTP: what every wait and
// every measurement uses. The wall clock is only for showing.
inline absl::Duration MonotonicNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace nodevol

#endif  // NODEVOL_BASE_MONOTONIC_H_

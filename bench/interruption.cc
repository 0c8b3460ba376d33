// SPDX-License-Identifier: Apache-2.0
#include "bench/interruption.h"

#include <signal.h>

#include <atomic>

namespace nodevol::bench {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

}  // namespace

void WatchForInterruption() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

absl::Status CheckNotInterrupted() {
  return interrupted ? absl::CancelledError("interrupted") : absl::OkStatus();
}

}  // namespace nodevol::bench

// SPDX-License-Identifier: Apache-2.0
// main() of the tests that use real filesystems: enters the sandbox, and fails a test that leaves a
// mount, a loop device or a descriptor behind.
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

#include "base/tsan_suppressions.h"
#include "host/freeze_guard.h"
#include "host/privilege.h"
#include "test/support/sandbox.h"

namespace {

class LeakListener : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    before_ = nodevol::testing::Leftovers::Now();
  }
  void OnTestEnd(const testing::TestInfo&) override {
    // The kernel frees loop devices, and threads their descriptors, a moment later; on a busy
    // machine a long one.
    nodevol::testing::Leftovers after;
    for (int i = 0; i < 3000; ++i) {
      after = nodevol::testing::Leftovers::Now();
      if (after == before_) return;
      absl::SleepFor(absl::Milliseconds(10));
    }
    ADD_FAILURE() << "left behind: loops " << before_.loops << " -> " << after.loops << ", mounts "
                  << before_.mounts << " -> " << after.mounts << ", descriptors "
                  << before_.descriptors << " -> " << after.descriptors;
  }

  nodevol::testing::Leftovers before_;
};

}  // namespace

int main(int argc, char** argv) {
  if (nodevol::host::IsFreezeGuard(argc, argv)) return nodevol::host::RunFreezeGuard(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  signal(SIGIO, SIG_IGN);
  if (const absl::Status entered = nodevol::testing::EnterSandbox(); !entered.ok()) {
    std::fprintf(stderr, "no sandbox for tests: %s\n", entered.ToString().c_str());
    return 1;
  }
  // As in the driver: ext4 would not hold this process to any quota.
  if (const absl::Status lowered = nodevol::host::LowerSysResource(); !lowered.ok()) {
    std::fprintf(stderr, "CAP_SYS_RESOURCE stays effective: %s\n", lowered.ToString().c_str());
    return 1;
  }
  testing::UnitTest::GetInstance()->listeners().Append(new LeakListener);
  return RUN_ALL_TESTS();
}

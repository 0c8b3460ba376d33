// SPDX-License-Identifier: Apache-2.0
#include "host/descriptor_limit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/support/matchers.h"

namespace nodevol::host {
namespace {

constexpr rlim_t kSoft = 128;
constexpr rlim_t kHard = 512;
constexpr int kAboveSoft = 300;

// Runs `check` in a child process with these limits: the hard one can't be raised again.
template <typename Check>
bool HoldsWithLimits(rlim_t soft, rlim_t hard, Check check) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limits = {soft, hard};
    ::_exit(::setrlimit(RLIMIT_NOFILE, &limits) == 0 && check() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool CanHaveDescriptor(int least) { return ::fcntl(STDOUT_FILENO, F_DUPFD, least) >= least; }

TEST(DescriptorLimitTest, IsRaisedToTheHardOne) {
  EXPECT_TRUE(HoldsWithLimits(kSoft, kHard, [] {
    if (CanHaveDescriptor(kAboveSoft)) return false;
    const absl::StatusOr<uint64_t> raised = RaiseDescriptorLimit();
    return raised.ok() && *raised == kHard && CanHaveDescriptor(kAboveSoft);
  }));
}

TEST(DescriptorLimitTest, StaysWhereItCanNotBeRaised) {
  EXPECT_TRUE(HoldsWithLimits(kHard, kHard, [] {
    const absl::StatusOr<uint64_t> raised = RaiseDescriptorLimit();
    return raised.ok() && *raised == kHard && !CanHaveDescriptor(static_cast<int>(kHard));
  }));
}

}  // namespace
}  // namespace nodevol::host

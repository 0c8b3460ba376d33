// SPDX-License-Identifier: Apache-2.0
//
// Kills the driver at every system call that changes something, in each call of CSI that changes
// something, and starts it again: the retry must succeed and nothing may be left over.
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "test/client/ground.h"
#include "test/client/grpc_environment.h"
#include "test/crash/sample.h"
#include "test/crash/scenario.h"
#include "test/crash/world.h"
#include "test/support/matchers.h"
#include "test/support/project_quota.h"
#include "test/support/strace.h"

namespace nodevol::testing {
namespace {

// openat2 opens and creates, ioctl makes and removes subvolumes, limits them, clones files,
// attaches loop devices and grows filesystems.
constexpr const char* kSystemCalls[] = {
    "mkdirat",  "openat2",   "openat",    "write",         "ftruncate",  "fallocate", "fsync",
    "syncfs",   "renameat2", "unlinkat",  "ioctl",         "fchown",     "fchmod",    "fsopen",
    "fsconfig", "fsmount",   "open_tree", "mount_setattr", "move_mount", "umount2"};
// More of them for directories under project quotas, whose copies are copies of trees.
constexpr const char* kProjectQuotaCalls[] = {"quotactl_fd", "fchownat", "utimensat",
                                              "copy_file_range"};

std::vector<std::string> SystemCallsOn(const Ground& ground) {
  std::vector<std::string> calls(std::begin(kSystemCalls), std::end(kSystemCalls));
  if (ground.project_quotas) {
    calls.insert(calls.end(), std::begin(kProjectQuotaCalls), std::end(kProjectQuotaCalls));
  }
  return calls;
}

// More calls of one kind in one operation than there could be: a runner that never ends is no
// proof.
constexpr int kMaxCalls = 400;

int points = 0;

class KillTest : public ::testing::TestWithParam<std::tuple<Ground, Scenario>> {
 protected:
  // Kills at the n-th call; returns false when there is none.
  bool KillAt(World& world, const Scenario& scenario, const std::string& system_call, int n) {
    SCOPED_TRACE(absl::StrCat("killed at ", system_call, " number ", n));
    EXPECT_OK(scenario.set_up(world));
    absl::StatusOr<Strace> strace = Strace::Attach(
        world.driver().pid(), {.trace = system_call,
                               .inject = absl::StrCat(system_call, ":signal=KILL:when=", n),
                               .output = world.TracePath(),
                               .threads = World::kWorkers});
    EXPECT_OK(strace);
    if (!strace.ok()) return false;
    const absl::Status operated = scenario.operate(world);
    // The connection breaks when the driver dies.
    const std::string trace = strace->Finish(absl::IsUnavailable(operated));
    // A kill may come when the answer has been sent. strace can hang on the process that ends then,
    // and is killed without a trace of it.
    const bool injected = WasInjected(trace) || world.DriverIsGone();
    EXPECT_TRUE(injected || operated.ok()) << operated;
    if (injected) Restart(world);
    const absl::Status retried = scenario.operate(world);
    EXPECT_OK(retried) << "the retry";
    EXPECT_OK(scenario.verify(world));
    EXPECT_OK(world.TearDown());
    EXPECT_OK(world.CheckClean());
    return injected;
  }

  static void Restart(World& world) {
    world.driver().Wait();
    EXPECT_OK(world.StartDriver());
    EXPECT_OK(world.CheckRecovered());
  }
};

TEST_P(KillTest, RetrySucceedsAndNothingIsLeft) {
  const auto& [ground, scenario] = GetParam();
  if (ground.project_quotas) SKIP_WITHOUT_PROJECT_QUOTAS(ground.pool_filesystem);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<World> world, World::Create(ground));
  const int before = points;
  Sample sample;
  for (const std::string& system_call : SystemCallsOn(ground)) {
    for (int n = sample.First(); n <= kMaxCalls; n += sample.every()) {
      const bool injected = KillAt(*world, scenario, system_call, n);
      ASSERT_FALSE(HasFailure());
      if (!injected) break;
      ++points;
    }
  }
  EXPECT_TRUE(points > before || !sample.IsAll()) << "nothing was killed";
  std::printf("%s on %s: killed at %d points\n", scenario.name.c_str(), ground.name.c_str(),
              points - before);
}

std::vector<Ground> Grounds() {
  return {DirectoryOnBtrfs(), DirectoryOnXfs(), DirectoryOnExt4(), ImageOnXfs(), BlockOnExt4()};
}

std::string NameOf(const ::testing::TestParamInfo<std::tuple<Ground, Scenario>>& info) {
  return absl::StrCat(std::get<0>(info.param).name, "_", std::get<1>(info.param).name);
}

INSTANTIATE_TEST_SUITE_P(Controller, KillTest,
                         ::testing::Combine(::testing::ValuesIn(Grounds()),
                                            ::testing::ValuesIn(ControllerScenarios())),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Group, KillTest,
                         ::testing::Combine(::testing::Values(DirectoryOnBtrfs(), ImageOnXfs(),
                                                              ImageOnBtrfs(), BlockOnExt4()),
                                            ::testing::ValuesIn(GroupScenarios())),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Node, KillTest,
                         ::testing::Combine(::testing::ValuesIn(Grounds()),
                                            ::testing::ValuesIn(NodeScenarios())),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(Inline, KillTest,
                         ::testing::Combine(::testing::Values(DirectoryOnBtrfs(), ImageOnXfs(),
                                                              ImageOnExt4()),
                                            ::testing::ValuesIn(InlineScenarios())),
                         NameOf);

class PointsReport : public ::testing::Environment {
  void TearDown() override { std::printf("killed at %d points in all\n", points); }
};
const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);
const auto* const report = ::testing::AddGlobalTestEnvironment(new PointsReport);

}  // namespace
}  // namespace nodevol::testing

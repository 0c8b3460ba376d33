// SPDX-License-Identifier: Apache-2.0
//
// Cuts the power: the pool's filesystem stops without writing what was not synced, the driver dies,
// everything is mounted and started again. What was acknowledged must be there and whole, what was
// not must be whole or absent.
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/client/ground.h"
#include "test/client/grpc_environment.h"
#include "test/crash/durability_audit.h"
#include "test/crash/sample.h"
#include "test/crash/scenario.h"
#include "test/crash/world.h"
#include "test/support/matchers.h"
#include "test/support/project_quota.h"
#include "test/support/strace.h"

namespace nodevol::testing {
namespace {

using ::testing::IsEmpty;

using Param = std::tuple<Ground, Scenario>;

// Where the disk's content changes for good; between them nothing new can be lost.
constexpr const char* kCutAt[] = {"fsync", "renameat2", "unlinkat", "ftruncate", "write"};
constexpr int kMaxCalls = 100;

int cuts = 0;

std::string NameOf(const ::testing::TestParamInfo<Param>& info) {
  return absl::StrCat(std::get<0>(info.param).name, "_", std::get<1>(info.param).name);
}

// The operation with strace at the workers; its trace.
absl::StatusOr<std::string> OperateTraced(World& world, const Scenario& scenario,
                                          const std::string& trace, const std::string& inject) {
  absl::StatusOr<Strace> strace = Strace::Attach(
      world.driver().pid(),
      {.trace = trace, .inject = inject, .output = world.TracePath(), .threads = World::kWorkers});
  if (!strace.ok()) return strace.status();
  const absl::Status operated = scenario.operate(world);
  std::string seen = strace->Finish(absl::IsUnavailable(operated));
  if (!operated.ok() && !WasInjected(seen)) return operated;
  return seen;
}

class PowerTest : public ::testing::TestWithParam<Param> {
 protected:
  void SetUp() override {
    const Ground& ground = std::get<0>(GetParam());
    if (ground.project_quotas) SKIP_WITHOUT_PROJECT_QUOTAS(ground.pool_filesystem);
    ASSERT_OK_AND_ASSIGN(world_, World::Create(ground));
  }
  void StartOver() {
    EXPECT_OK(world_->TearDown());
    EXPECT_OK(world_->CheckClean());
  }
  [[nodiscard]] const Scenario& scenario() const { return scenario_; }

  std::unique_ptr<World> world_;
  const Scenario scenario_ = std::get<1>(GetParam());
};

TEST_P(PowerTest, WhatWasAcknowledgedSurvives) {
  ASSERT_OK(scenario().set_up(*world_));
  ASSERT_OK(scenario().operate(*world_));
  ASSERT_OK(world_->CutPowerAndReboot());
  ++cuts;
  EXPECT_OK(world_->CheckRecovered());
  EXPECT_OK(scenario().verify(*world_));
  StartOver();
}

TEST_P(PowerTest, WhatWasCutShortIsWholeOrAbsent) {
  Sample sample;
  for (const char* system_call : kCutAt) {
    for (int n = sample.First(); n <= kMaxCalls; n += sample.every()) {
      SCOPED_TRACE(absl::StrCat("killed and cut at ", system_call, " number ", n));
      ASSERT_OK(scenario().set_up(*world_));
      ASSERT_OK_AND_ASSIGN(const std::string trace,
                           OperateTraced(*world_, scenario(), system_call,
                                         absl::StrCat(system_call, ":signal=KILL:when=", n)));
      ASSERT_OK(world_->CutPowerAndReboot());
      EXPECT_OK(world_->CheckRecovered());
      EXPECT_OK(scenario().operate(*world_)) << "the retry";
      EXPECT_OK(scenario().verify(*world_));
      StartOver();
      ASSERT_FALSE(HasFailure());
      if (!WasInjected(trace)) break;
      ++cuts;
    }
  }
}

// One fsync after another is made to do nothing; the loss must be seen, on the disk or in the
// trace.
class MissingFsyncTest : public PowerTest {};

TEST_P(MissingFsyncTest, EachOneIsSeen) {
  int lost = 0;
  int found = 0;
  Sample sample;
  for (int n = sample.First(); n <= kMaxCalls; n += sample.every()) {
    SCOPED_TRACE(absl::StrCat("without fsync number ", n));
    ASSERT_OK(scenario().set_up(*world_));
    ASSERT_OK_AND_ASSIGN(
        const std::string trace,
        OperateTraced(*world_, scenario(), kAuditedCalls, absl::StrCat("fsync:retval=0:when=", n)));
    const bool removed = WasInjected(trace);
    const std::vector<std::string> faults = AuditDurability(trace, world_->disk().path());
    const absl::Status rebooted = world_->CutPowerAndReboot();
    ++cuts;
    const absl::Status verified = rebooted.ok() ? scenario().verify(*world_) : rebooted;
    if (!removed) {
      // All fsyncs are in place: nothing may be missing.
      EXPECT_THAT(faults, IsEmpty()) << absl::StrJoin(faults, "\n") << "\n" << trace;
      EXPECT_OK(verified);
      break;
    }
    ++found;
    if (!verified.ok()) ++lost;
    EXPECT_TRUE(!verified.ok() || !faults.empty()) << "nobody saw it:\n" << trace;
    // What is lost or torn now is the removed fsync's doing: begin with a new disk.
    world_.reset();
    ASSERT_OK_AND_ASSIGN(world_, World::Create(std::get<0>(GetParam())));
  }
  EXPECT_TRUE(found > 0 || !sample.IsAll()) << "the operation has no fsync";
  std::printf("%s on %s: %d fsyncs, each found missing; %d of them by real loss\n",
              scenario().name.c_str(), std::get<0>(GetParam()).name.c_str(), found, lost);
}

INSTANTIATE_TEST_SUITE_P(Controller, PowerTest,
                         ::testing::Combine(::testing::Values(ImageOnXfs(), ImageOnExt4(),
                                                              BlockOnXfs(), BlockOnExt4(),
                                                              DirectoryOnXfs(), DirectoryOnExt4()),
                                            ::testing::ValuesIn(ControllerScenarios())),
                         NameOf);

// Not of groups: each member syncs directories that the next one syncs again.
INSTANTIATE_TEST_SUITE_P(Controller, MissingFsyncTest,
                         ::testing::Combine(::testing::Values(ImageOnXfs(), ImageOnExt4(),
                                                              BlockOnXfs(), BlockOnExt4(),
                                                              DirectoryOnXfs(), DirectoryOnExt4()),
                                            ::testing::ValuesIn(ControllerScenarios())),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(Group, PowerTest,
                         ::testing::Combine(::testing::Values(ImageOnXfs(), ImageOnExt4(),
                                                              BlockOnXfs(), BlockOnExt4()),
                                            ::testing::ValuesIn(GroupScenarios())),
                         NameOf);

// btrfs can't be stopped like that, but its operations can be audited.
class AuditTest : public PowerTest {};

TEST_P(AuditTest, EverythingIsSyncedBeforeTheAnswer) {
  ASSERT_OK(scenario().set_up(*world_));
  ASSERT_OK_AND_ASSIGN(const std::string trace,
                       OperateTraced(*world_, scenario(), kAuditedCalls, ""));
  const std::vector<std::string> faults = AuditDurability(trace, world_->disk().path());
  EXPECT_THAT(faults, IsEmpty()) << trace;
  EXPECT_OK(scenario().verify(*world_));
  StartOver();
}

INSTANTIATE_TEST_SUITE_P(Controller, AuditTest,
                         ::testing::Combine(::testing::Values(DirectoryOnBtrfs(), ImageOnBtrfs()),
                                            ::testing::ValuesIn(ControllerScenarios())),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(Group, AuditTest,
                         ::testing::Combine(::testing::Values(DirectoryOnBtrfs(), ImageOnBtrfs()),
                                            ::testing::ValuesIn(GroupScenarios())),
                         NameOf);

class CutsReport : public ::testing::Environment {
  void TearDown() override { std::printf("the power was cut %d times in all\n", cuts); }
};
const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);
const auto* const report = ::testing::AddGlobalTestEnvironment(new CutsReport);

}  // namespace
}  // namespace nodevol::testing

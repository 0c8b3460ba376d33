// SPDX-License-Identifier: Apache-2.0
//
// Makes each system call that changes something fail, with each error that it may fail with, in
// each call of CSI that changes something: the answer has the right code, a failed fsync is never
// taken for a good one, and the retry succeeds with nothing left over.
//
// All points take many minutes; sample.h says how to take some. What fails names its number.
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "test/client/ground.h"
#include "test/client/grpc_environment.h"
#include "test/crash/sample.h"
#include "test/crash/scenario.h"
#include "test/crash/world.h"
#include "test/support/matchers.h"
#include "test/support/strace.h"

namespace nodevol::testing {
namespace {

struct Fault {
  const char* system_call;
  const char* error;
};

constexpr Fault kFaults[] = {
    {"openat2", "EMFILE"},   {"openat2", "EINTR"},  {"openat2", "EIO"},     {"openat2", "ENOSPC"},
    {"mkdirat", "ENOSPC"},   {"mkdirat", "EIO"},    {"write", "ENOSPC"},    {"write", "EIO"},
    {"write", "EINTR"},      {"ftruncate", "EIO"},  {"ftruncate", "EINTR"}, {"fallocate", "ENOSPC"},
    {"fallocate", "EINTR"},  {"fsync", "EIO"},      {"fsync", "EINTR"},     {"syncfs", "EIO"},
    {"renameat2", "ENOSPC"}, {"renameat2", "EIO"},  {"unlinkat", "EIO"},    {"ioctl", "ENOSPC"},
    {"ioctl", "EIO"},        {"ioctl", "EINTR"},    {"fsopen", "EMFILE"},   {"fsmount", "EMFILE"},
    {"open_tree", "EMFILE"}, {"move_mount", "EIO"}, {"umount2", "EIO"}};

constexpr int kMaxCalls = 400;

// The codes with which a call may answer a fault. OK is always one: what is done for the best only,
// or can be done again, may fail.
bool IsRightCode(absl::string_view error, const absl::Status& answer) {
  switch (answer.code()) {
    case absl::StatusCode::kOk:
      return true;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kOutOfRange:  // full, on expand
      return error == "ENOSPC";
    case absl::StatusCode::kUnavailable:
      return error != "ENOSPC";
    case absl::StatusCode::kInternal:
      return error == "EIO";
    default:
      return false;
  }
}

// There are so many errors a call.
constexpr int kRarer = 4;

int points = 0;
int faulted = 0;

class ErrnoTest : public ::testing::TestWithParam<std::tuple<Ground, Scenario>> {
 protected:
  // Lets the n-th call fail; returns false when there is none.
  bool FailAt(World& world, const Scenario& scenario, const Fault& fault, int n) {
    SCOPED_TRACE(absl::StrCat(fault.error, " from ", fault.system_call, " number ", n));
    EXPECT_OK(scenario.set_up(world));
    absl::StatusOr<Strace> strace = Strace::Attach(
        world.driver().pid(),
        {.trace = fault.system_call,
         .inject = absl::StrCat(fault.system_call, ":error=", fault.error, ":when=", n),
         .output = world.TracePath(),
         .threads = World::kWorkers});
    EXPECT_OK(strace);
    if (!strace.ok()) return false;
    const size_t log_before = world.Log().size();
    const absl::Status answer = scenario.operate(world);
    const bool injected = WasInjected(strace->Finish(/*process_is_ending=*/false));
    if (injected) {
      ExpectRightAnswer(fault, answer, world.Log().substr(log_before));
    } else {
      EXPECT_OK(answer);
    }
    EXPECT_OK(scenario.operate(world)) << "the retry";
    EXPECT_OK(scenario.verify(world));
    EXPECT_OK(world.TearDown());
    EXPECT_OK(world.CheckClean());
    return injected;
  }

  void ExpectRightAnswer(const Fault& fault, const absl::Status& answer, const std::string& log) {
    EXPECT_TRUE(IsRightCode(fault.error, answer)) << answer;
    const bool is_faulted = absl::StrContains(log, "is faulted");
    const bool failed_sync =
        absl::string_view(fault.system_call) == "fsync" && absl::string_view(fault.error) == "EIO";
    if (failed_sync) {
      EXPECT_FALSE(answer.ok()) << "a failed fsync was taken for a good one";
      EXPECT_TRUE(is_faulted) << "the pool goes on after a failed fsync";
    }
    if (!is_faulted) return;
    ++faulted;
    // It would be opened anew by itself, some seconds later.
    EXPECT_OK(world_->StartDriver());
    EXPECT_OK(world_->CheckRecovered());
  }

  std::unique_ptr<World> world_;
};

TEST_P(ErrnoTest, IsAnsweredRightAndNothingIsLeft) {
  const auto& [ground, scenario] = GetParam();
  ASSERT_OK_AND_ASSIGN(world_, World::Create(ground));
  const int before = points;
  Sample sample(kRarer);
  for (const Fault& fault : kFaults) {
    for (int n = sample.First(); n <= kMaxCalls; n += sample.every()) {
      const bool injected = FailAt(*world_, scenario, fault, n);
      ASSERT_FALSE(HasFailure());
      if (!injected) break;
      ++points;
    }
  }
  std::printf("%s on %s: %d calls failed\n", scenario.name.c_str(), ground.name.c_str(),
              points - before);
}

std::string NameOf(const ::testing::TestParamInfo<std::tuple<Ground, Scenario>>& info) {
  return absl::StrCat(std::get<0>(info.param).name, "_", std::get<1>(info.param).name);
}

INSTANTIATE_TEST_SUITE_P(Controller, ErrnoTest,
                         ::testing::Combine(::testing::Values(DirectoryOnBtrfs(), ImageOnXfs(),
                                                              BlockOnExt4()),
                                            ::testing::ValuesIn(ControllerScenarios())),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Group, ErrnoTest,
                         ::testing::Combine(::testing::Values(DirectoryOnBtrfs(), ImageOnXfs(),
                                                              BlockOnExt4()),
                                            ::testing::ValuesIn(GroupScenarios())),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Node, ErrnoTest,
                         ::testing::Combine(::testing::Values(DirectoryOnBtrfs(), ImageOnXfs(),
                                                              BlockOnExt4()),
                                            ::testing::ValuesIn(NodeScenarios())),
                         NameOf);

class PointsReport : public ::testing::Environment {
  void TearDown() override {
    std::printf("%d calls failed in all, the pool was faulted %d times\n", points, faulted);
  }
};
const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);
const auto* const report = ::testing::AddGlobalTestEnvironment(new PointsReport);

}  // namespace
}  // namespace nodevol::testing

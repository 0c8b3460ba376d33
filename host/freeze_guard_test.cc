// SPDX-License-Identifier: Apache-2.0
#include "host/freeze_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "host/filesystem.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::Eventually;
using nodevol::testing::StatusIs;
using nodevol::testing::TestFilesystem;
using ::testing::HasSubstr;

// Longer than any test.
constexpr absl::Duration kLong = absl::Minutes(10);
constexpr absl::Duration kShort = absl::Milliseconds(50);

// Two mounted filesystems.
class FreezeGuardTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) {
      ASSERT_OK_AND_ASSIGN(TestFilesystem made,
                           TestFilesystem::Create({.type = GetParam(), .bytes = int64_t{1} << 30}));
      ASSERT_OK_AND_ASSIGN(UniqueFd root, OpenPath(made.path(), O_RDONLY | O_DIRECTORY));
      disks_.push_back(std::move(made));
      roots_.push_back(std::move(root));
    }
  }
  void TearDown() override {
    for (const UniqueFd& root : roots_) EXPECT_OK(Thaw(root.get()));
  }

  absl::StatusOr<FreezeGuard> Start(absl::Duration limit) {
    return FreezeGuard::Start({{roots_[0].get(), "first"}, {roots_[1].get(), "second"}}, limit);
  }

  // A second freeze is refused. One that is not is taken back.
  [[nodiscard]] bool IsFrozen(size_t index) const {
    const absl::Status frozen = Freeze(roots_[index].get());
    if (!frozen.ok()) return true;
    EXPECT_OK(Thaw(roots_[index].get()));
    return false;
  }
  [[nodiscard]] bool AllFrozen() const { return IsFrozen(0) && IsFrozen(1); }
  [[nodiscard]] bool NoneFrozenSoon() const {
    return Eventually([this] {
             return IsFrozen(0) || IsFrozen(1) ? absl::InternalError("frozen") : absl::OkStatus();
           })
        .ok();
  }

  std::vector<TestFilesystem> disks_;
  std::vector<UniqueFd> roots_;
};

INSTANTIATE_TEST_SUITE_P(All, FreezeGuardTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         [](const auto& type) { return std::string(FilesystemName(type.param)); });

TEST_P(FreezeGuardTest, FreezesAndThaws) {
  ASSERT_OK_AND_ASSIGN(FreezeGuard guard, Start(kLong));
  EXPECT_FALSE(IsFrozen(0));
  ASSERT_OK(guard.Freeze());
  EXPECT_TRUE(AllFrozen());
  EXPECT_OK(guard.Thaw());
  EXPECT_FALSE(IsFrozen(0));
  EXPECT_FALSE(IsFrozen(1));
}

TEST_P(FreezeGuardTest, GuardThatGoesOutOfScopeThaws) {
  {
    ASSERT_OK_AND_ASSIGN(FreezeGuard guard, Start(kLong));
    ASSERT_OK(guard.Freeze());
  }
  EXPECT_FALSE(IsFrozen(0));
  EXPECT_FALSE(IsFrozen(1));
}

TEST_P(FreezeGuardTest, HelperThawsWhenTheLimitHasPassed) {
  ASSERT_OK_AND_ASSIGN(FreezeGuard guard, Start(kShort));
  const absl::Status frozen = guard.Freeze();
  EXPECT_TRUE(frozen.ok() || absl::IsDeadlineExceeded(frozen)) << frozen;
  EXPECT_TRUE(NoneFrozenSoon());
  EXPECT_THAT(guard.Thaw(), StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("50ms")));
}

TEST_P(FreezeGuardTest, HelperThawsWhenTheProcessIsKilled) {
  const pid_t child = ::fork();
  if (child == 0) {
    absl::StatusOr<FreezeGuard> guard = Start(kLong);
    const bool frozen = guard.ok() && guard->Freeze().ok();
    ::kill(::getpid(), frozen ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL) << "it could not freeze";
  EXPECT_TRUE(NoneFrozenSoon());
}

TEST_P(FreezeGuardTest, ProcessThawsWhenTheHelperIsKilled) {
  ASSERT_OK_AND_ASSIGN(FreezeGuard guard, Start(kLong));
  ASSERT_OK(guard.Freeze());
  ASSERT_EQ(::kill(guard.pid(), SIGKILL), 0);
  EXPECT_TRUE(AllFrozen());
  EXPECT_OK(guard.Thaw());
  EXPECT_FALSE(IsFrozen(0));
  EXPECT_FALSE(IsFrozen(1));
}

TEST_P(FreezeGuardTest, NothingIsFrozenWithoutTheHelper) {
  ASSERT_OK_AND_ASSIGN(FreezeGuard guard, Start(kLong));
  ASSERT_EQ(::kill(guard.pid(), SIGKILL), 0);
  siginfo_t ended = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(guard.pid()), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_THAT(guard.Freeze(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(IsFrozen(0));
}

TEST_P(FreezeGuardTest, OtherSignalsDoNotEndTheHelper) {
  ASSERT_OK_AND_ASSIGN(FreezeGuard guard, Start(kLong));
  ASSERT_OK(guard.Freeze());
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1}) {
    ASSERT_EQ(::kill(guard.pid(), signal), 0);
  }
  EXPECT_EQ(::getsid(guard.pid()), guard.pid());
  EXPECT_EQ(::waitpid(guard.pid(), nullptr, WNOHANG), 0);
  EXPECT_TRUE(AllFrozen());
  EXPECT_OK(guard.Thaw());
}

TEST_P(FreezeGuardTest, WhatSomebodyElseHasFrozenStaysSo) {
  ASSERT_OK(Freeze(roots_[1].get()));
  {
    ASSERT_OK_AND_ASSIGN(FreezeGuard guard, Start(kLong));
    EXPECT_THAT(guard.Freeze(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("second is frozen already")));
  }
  EXPECT_FALSE(IsFrozen(0));
  EXPECT_THAT(Freeze(roots_[1].get()), ErrnoIs(EBUSY));
}

TEST_P(FreezeGuardTest, ThawBySomebodyElseIsNoticed) {
  ASSERT_OK_AND_ASSIGN(FreezeGuard guard, Start(kLong));
  ASSERT_OK(guard.Freeze());
  ASSERT_OK(Thaw(roots_[0].get()));
  EXPECT_THAT(guard.Thaw(), StatusIs(absl::StatusCode::kAborted, HasSubstr("first was thawed")));
  EXPECT_FALSE(IsFrozen(1));
}

}  // namespace
}  // namespace nodevol::host

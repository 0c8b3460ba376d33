// SPDX-License-Identifier: Apache-2.0
#include "host/privilege.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>
#include <thread>

#include "test/support/matchers.h"

namespace nodevol::host {
namespace {

struct Sets {
  uint64_t effective = 0;
  uint64_t permitted = 0;

  [[nodiscard]] bool Has() const { return (effective & kBit) != 0; }
  static constexpr uint64_t kBit = uint64_t{1} << CAP_SYS_RESOURCE;
};

// Of the calling thread.
Sets Capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> raw = {};
  EXPECT_EQ(::syscall(SYS_capget, &header, raw.data()), 0);
  return {raw[0].effective | (uint64_t{raw[1].effective} << 32),
          raw[0].permitted | (uint64_t{raw[1].permitted} << 32)};
}

// Runs `check` in a child process that has all capabilities, in a user namespace of its own: the
// machine that runs the tests may not give CAP_SYS_RESOURCE. Returns what it says, or nullopt when
// the machine gives no namespace either.
template <typename F>
std::optional<bool> WithAllCapabilities(F&& check) {
  constexpr int kNoNamespace = 77;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(kNoNamespace);
    ::_exit(check() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoNamespace) return std::nullopt;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(PrivilegeTest, LowerIsOkAndTakesOnlyTheOne) {
  // Capabilities are a thread's own: other tests keep theirs.
  std::thread([] {
    const Sets before = Capabilities();
    EXPECT_OK(LowerSysResource());
    EXPECT_OK(LowerSysResource());
    const Sets after = Capabilities();
    EXPECT_EQ(after.effective, before.effective & ~Sets::kBit);
    EXPECT_EQ(after.permitted, before.permitted);
  }).join();
}

TEST(PrivilegeTest, ScopeLeavesTheSetsUnchanged) {
  const Sets before = Capabilities();
  {
    const ScopedSysResource scope;
  }
  const Sets after = Capabilities();
  EXPECT_EQ(after.effective, before.effective);
  EXPECT_EQ(after.permitted, before.permitted);
}

TEST(PrivilegeTest, ScopeRaisesWhatWasLowered) {
  const auto good = WithAllCapabilities([] {
    if (!Capabilities().Has() || !LowerSysResource().ok() || Capabilities().Has()) return false;
    {
      const ScopedSysResource scope;
      if (!Capabilities().Has()) return false;
    }
    return !Capabilities().Has();
  });
  if (!good.has_value()) GTEST_SKIP() << "no user namespaces here";
  EXPECT_TRUE(*good);
}

TEST(PrivilegeTest, InnerScopeEndsNothingOfTheOuterOne) {
  const auto good = WithAllCapabilities([] {
    if (!LowerSysResource().ok()) return false;
    const ScopedSysResource outer;
    {
      const ScopedSysResource inner;
    }
    return Capabilities().Has();
  });
  if (!good.has_value()) GTEST_SKIP() << "no user namespaces here";
  EXPECT_TRUE(*good);
}

TEST(PrivilegeTest, WhatCanBeRaisedIsKnown) {
  EXPECT_EQ(MayHaveSysResource(), (Capabilities().permitted & Sets::kBit) != 0);
  const std::optional<bool> with_all = WithAllCapabilities(
      [] { return MayHaveSysResource() && LowerSysResource().ok() && MayHaveSysResource(); });
  EXPECT_TRUE(with_all.value_or(true));
}

}  // namespace
}  // namespace nodevol::host

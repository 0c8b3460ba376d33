// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_PROJECT_QUOTA_H_
#define NODEVOL_TEST_SUPPORT_PROJECT_QUOTA_H_

#include <optional>
#include <string>

#include "gtest/gtest.h"

#include "host/filesystem.h"
#include "test/support/sandbox.h"

// Tests that need project quotas, which not every kernel has: test/vm/ runs them on one that does.
namespace nodevol::testing {

// A filesystem, XFS or ext4, that enforces project quotas.
TestFilesystem::Options WithProjectQuotas(host::FilesystemType type,
                                          int64_t bytes = int64_t{2} << 30);

// Why this kernel enforces none on such a filesystem; nullopt when it does. Tried once a process.
std::optional<std::string> WhyNoProjectQuotas(host::FilesystemType type);

// Skips the test, with the reason, on a kernel without project quotas; fails it when the
// environment variable NODEVOL_REQUIRE_PROJECT_QUOTAS says that there must be some. A fixture that
// calls it in SetUp() goes on only if it is not skipped: `if (IsSkipped()) return;`.
#define SKIP_WITHOUT_PROJECT_QUOTAS(type)                                                  \
  if (const auto why_none = ::nodevol::testing::WhyNoProjectQuotas(type); why_none) {      \
    if (::getenv("NODEVOL_REQUIRE_PROJECT_QUOTAS") != nullptr) FAIL() << *why_none;        \
    GTEST_SKIP() << *why_none << "; ./dev test-quota runs this test in a virtual machine"; \
  }                                                                                        \
  static_assert(true, "a semicolon follows")

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_PROJECT_QUOTA_H_

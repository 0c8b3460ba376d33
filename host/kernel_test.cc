// SPDX-License-Identifier: Apache-2.0
#include "host/kernel.h"

#include "absl/strings/str_cat.h"

#include "test/support/matchers.h"

namespace nodevol::host {
namespace {

using ::testing::StartsWith;

TEST(KernelTest, VersionIsThatOfTheRelease) {
  const KernelVersion kernel = RunningKernel();
  EXPECT_THAT(kernel.release, StartsWith(absl::StrCat(kernel.major, ".", kernel.minor)));
  EXPECT_TRUE(kernel.AtLeast(5, 12)) << "what the driver needs";
}

TEST(KernelTest, VersionsAreComparedByNumber) {
  const KernelVersion kernel = {.major = 6, .minor = 7, .release = ""};
  EXPECT_TRUE(kernel.AtLeast(6, 7));
  EXPECT_TRUE(kernel.AtLeast(5, 19));
  EXPECT_TRUE(kernel.AtLeast(6, 6));
  EXPECT_FALSE(kernel.AtLeast(6, 10));
  EXPECT_FALSE(kernel.AtLeast(7, 0));
}

}  // namespace
}  // namespace nodevol::host

// SPDX-License-Identifier: Apache-2.0
//
// The crash tests are run against drivers with a planted fault: they must fail. A test that can't
// fail proves nothing.
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <stdio.h>

namespace nodevol::testing {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int exit_code = -1;
  std::string output;
};

// Runs one test of the crash tests with a fault planted in the driver.
Outcome RunWithPlant(const std::string& plant, const std::string& filter) {
  const std::string command =
      // At all points: the plant is to be found.
      absl::StrCat("env -u NODEVOL_CRASH_EVERY NODEVOL_CRASH_PRELOAD=" PLANTED_LIBRARY
                   " NODEVOL_PLANT=",
                   plant, " " KILL_TEST " --gtest_filter='", filter, "' 2>&1");
  Outcome outcome;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> chunk = {};
  while (const size_t got = ::fread(chunk.data(), 1, chunk.size(), pipe)) {
    outcome.output.append(chunk.data(), got);
  }
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return outcome;
}

TEST(PlantedTest, WithoutAPlantTheSameTestPasses) {
  const Outcome outcome = RunWithPlant("none", "*DirectoryOnBtrfs_DeleteVolume");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

TEST(PlantedTest, RecordWrittenAfterTheCommitIsFound) {
  const Outcome outcome = RunWithPlant("record-after-rename", "*DirectoryOnBtrfs_CreateVolume");
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("the record is damaged"));
}

TEST(PlantedTest, QuotaGroupRemovedAfterItsSubvolumeIsFound) {
  const Outcome outcome = RunWithPlant("group-after-subvolume", "*DirectoryOnBtrfs_DeleteVolume");
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("quota groups are left"));
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// nodevol-conformance: client tests for what the CSI specification (1.13.0) demands and csi-sanity
// does not look at, for any driver. docs/conformance.md.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "test/conformance/driver.h"
#include "test/conformance/fixture.h"
#include "test/conformance/options.h"

namespace nodevol::testing {
namespace {

int Fail(const std::string& why) {
  std::fprintf(stderr, "nodevol-conformance: %s\n", why.c_str());
  return 2;
}

int Run(int argc, char** argv) {
  if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
  absl::StatusOr<ConformanceOptions> options = ParseConformanceOptions(argc, argv);
  if (!options.ok()) return Fail(std::string(options.status().message()));
  const std::string directory = options->work_directory;
  const absl::StatusOr<std::unique_ptr<Driver>> driver = Driver::Connect(*std::move(options));
  if (!driver.ok()) return Fail("the driver can't be examined: " + driver.status().ToString());
  if (::mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) {
    return Fail("--work-dir: mkdir " + directory + ": " + std::strerror(errno));
  }
  examined_driver = driver->get();
  const int result = RUN_ALL_TESTS();
  ::rmdir(directory.c_str());
  return result;
}

}  // namespace
}  // namespace nodevol::testing

int main(int argc, char** argv) {
  // GoogleTest would answer --help first, with its own flags.
  const bool help = std::any_of(argv + 1, argv + argc, [](const char* argument) {
    return argument == std::string("--help");
  });
  if (!help) ::testing::InitGoogleTest(&argc, argv);
  return nodevol::testing::Run(argc, argv);
}

// SPDX-License-Identifier: Apache-2.0
//
// main() for the tests of logic that also run under ThreadSanitizer.
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/tsan_suppressions.h"

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

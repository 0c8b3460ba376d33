// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include <climits>
#include <string>

#include "gtest/gtest.h"

#include "test/support/matchers.h"

namespace nodevol {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PathTest, EmptyAndDotComponentsGo) {
  EXPECT_THAT(NormalizePath("/a"), IsOkAndHolds("/a"));
  EXPECT_THAT(NormalizePath("//a///b/./c/"), IsOkAndHolds("/a/b/c"));
  EXPECT_THAT(NormalizePath("/./a/."), IsOkAndHolds("/a"));
  EXPECT_THAT(NormalizePath("/...//a..b/.c"), IsOkAndHolds("/.../a..b/.c"));
  EXPECT_THAT(PathComponents("/a//b/"), IsOkAndHolds(ElementsAre("a", "b")));
}

TEST(PathTest, WhatCouldLeadElsewhereIsRefused) {
  for (const std::string path : {"", "a", "a/b", ".", "..", "/", "//", "/.", "/..", "/a/..",
                                 "/../a", "/a/../b", "./a", "~/a"}) {
    EXPECT_THAT(NormalizePath(path),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"" + path + "\"")));
  }
  EXPECT_THAT(NormalizePath("/" + std::string(NAME_MAX + 1, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(NormalizePath("/" + std::string(NAME_MAX, 'x')).ok());
}

TEST(PathTest, WithinIsByWholeNames) {
  EXPECT_TRUE(IsPathWithin("/a/b", "/a/b"));
  EXPECT_TRUE(IsPathWithin("/a/b/c", "/a/b"));
  EXPECT_FALSE(IsPathWithin("/a/bc", "/a/b"));
  EXPECT_FALSE(IsPathWithin("/a", "/a/b"));
}

}  // namespace
}  // namespace nodevol

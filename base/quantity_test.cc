// SPDX-License-Identifier: Apache-2.0
#include "base/quantity.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "base/bytes.h"
#include "test/support/matchers.h"

namespace nodevol {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

TEST(QuantityTest, NumbersWithAndWithoutUnits) {
  EXPECT_THAT(ParseQuantity("1"), IsOkAndHolds(1));
  EXPECT_THAT(ParseQuantity("1048576"), IsOkAndHolds(kMiB));
  EXPECT_THAT(ParseQuantity("007"), IsOkAndHolds(7));
  EXPECT_THAT(ParseQuantity("1Ki"), IsOkAndHolds(kKiB));
  EXPECT_THAT(ParseQuantity("64Mi"), IsOkAndHolds(64 * kMiB));
  EXPECT_THAT(ParseQuantity("1Gi"), IsOkAndHolds(kGiB));
  EXPECT_THAT(ParseQuantity("2Ti"), IsOkAndHolds(2 * kTiB));
  EXPECT_THAT(ParseQuantity("1Pi"), IsOkAndHolds(kTiB * 1024));
  EXPECT_THAT(ParseQuantity("7Ei"), IsOkAndHolds(int64_t{7} << 60));
  EXPECT_THAT(ParseQuantity("3k"), IsOkAndHolds(3000));
  EXPECT_THAT(ParseQuantity("500M"), IsOkAndHolds(500'000'000));
  EXPECT_THAT(ParseQuantity("1G"), IsOkAndHolds(1'000'000'000));
  EXPECT_THAT(ParseQuantity("9E"), IsOkAndHolds(9'000'000'000'000'000'000));
}

TEST(QuantityTest, FractionsAreExactAndRoundedUp) {
  EXPECT_THAT(ParseQuantity("1.5Gi"), IsOkAndHolds(kGiB + kGiB / 2));
  EXPECT_THAT(ParseQuantity("0.1Gi"), IsOkAndHolds(107374183));
  EXPECT_THAT(ParseQuantity("1.5"), IsOkAndHolds(2));
  EXPECT_THAT(ParseQuantity("0.000000000000000001E"), IsOkAndHolds(1));
  EXPECT_THAT(ParseQuantity("2.Ki"), IsOkAndHolds(2 * kKiB));
}

TEST(QuantityTest, Exponents) {
  EXPECT_THAT(ParseQuantity("1e9"), IsOkAndHolds(1'000'000'000));
  EXPECT_THAT(ParseQuantity("1E9"), IsOkAndHolds(1'000'000'000));
  EXPECT_THAT(ParseQuantity("1.5e3"), IsOkAndHolds(1500));
  EXPECT_THAT(ParseQuantity("9223372036854775807"),
              IsOkAndHolds(std::numeric_limits<int64_t>::max()));
}

TEST(QuantityTest, WhatIsNoSizeIsRefusedByItsText) {
  for (const std::string text : {"",
                                 " ",
                                 "Gi",
                                 "1 Gi",
                                 " 1Gi",
                                 "1gi",
                                 "1GiB",
                                 "1GB",
                                 "1K",
                                 "-1",
                                 "-1Gi",
                                 "+1Gi",
                                 "1m",
                                 "100u",
                                 "5n",
                                 ".5Gi",
                                 "1.5.5Gi",
                                 "0x10",
                                 "1e",
                                 "1e19",
                                 "1e-3",
                                 "1e+3",
                                 "1e 3",
                                 "1eGi",
                                 "1Gi2",
                                 "1,5Gi",
                                 "inf",
                                 "nan",
                                 "1\nGi",
                                 "12345678901234567890",
                                 "0.12345678901234567890Gi"}) {
    EXPECT_THAT(ParseQuantity(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                              HasSubstr(absl::StrCat("\"", text, "\""))))
        << text;
  }
}

TEST(QuantityTest, NothingAndTooMuchAreRefused) {
  for (const std::string text : {"0", "0Gi", "0.0", "0e9"}) {
    EXPECT_THAT(ParseQuantity(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nothing")))
        << text;
  }
  for (const std::string text :
       {"8Ei", "10E", "9223372036854775808", "9999999999999999999Ei", "9999999999999999999e18"}) {
    EXPECT_THAT(ParseQuantity(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than there can be")))
        << text;
  }
}

}  // namespace
}  // namespace nodevol

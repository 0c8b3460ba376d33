// SPDX-License-Identifier: Apache-2.0
#include "admin/text.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "test/support/matchers.h"

namespace nodevol::admin {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

TEST(PrintableTest, KeepsWhatIsHarmless) {
  EXPECT_EQ(Printable("pvc-1 \"a\" /mnt/ünï 日本 😀"), "pvc-1 \"a\" /mnt/ünï 日本 😀");
}

TEST(PrintableTest, EscapesWhatATerminalActsOn) {
  EXPECT_EQ(Printable("\x1b[2Jgone\r\n\x07"), "\\u001b[2Jgone\\u000d\\n\\u0007");
  EXPECT_EQ(Printable("\x7f"), "\\u007f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m");  // the same as ESC [
}

TEST(PrintableTest, EscapesWhatHidesOrReorders) {
  const std::string right_to_left = {'\xe2', '\x80', '\xae'};
  EXPECT_EQ(Printable(absl::StrCat("a", right_to_left, "b")), "a\\u202eb");
  EXPECT_EQ(Printable("a\xe2\x80\x8b\xef\xbb\xbf"
                      "b"),
            "a\\u200b\\ufeffb");
  EXPECT_EQ(Printable("\xf3\xa0\x81\x81"), "\\udb40\\udc41");  // a tag character
}

TEST(PrintableTest, ReplacesWhatIsNoUtf8AndKeepsBackslashesApart) {
  EXPECT_EQ(Printable("\xff"), "\\ufffd");
  EXPECT_EQ(Printable("\xe2\x80"), "\\ufffd\\ufffd");
  // What was typed is told from what was escaped.
  EXPECT_EQ(Printable("\\n"), "\\\\n");
  EXPECT_EQ(Printable("\\\""), "\\\\\"");
}

TEST(QuotedTest, IsTheInsideOfAJsonString) {
  EXPECT_EQ(Quoted("a\"\\\x1b\xc2\x9b"), "a\\\"\\\\\\u001b\\u009b");
}

TEST(WidthTest, CountsCharacters) {
  EXPECT_EQ(WidthOf("abc"), 3U);
  EXPECT_EQ(WidthOf("ünï"), 3U);
}

google::protobuf::Timestamp At(int64_t seconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  return time;
}

TEST(TimeTest, IsUtc) {
  EXPECT_EQ(FormatTime(At(1795455743)), "2026-11-23T17:42:23Z");
  EXPECT_EQ(FormatTime({}), "-");
}

TEST(TimeTest, AgeHasTwoUnitsAtMost) {
  const auto age = [](int64_t seconds) {
    return FormatAge(At(1000), absl::FromUnixSeconds(1000 + seconds));
  };
  EXPECT_EQ(age(0), "0s");
  EXPECT_EQ(age(59), "59s");
  EXPECT_EQ(age(60), "1m");
  EXPECT_EQ(age(3599), "59m");
  EXPECT_EQ(age(4325), "1h12m");
  EXPECT_EQ(age(86'400), "1d0h");
  EXPECT_EQ(age(34'563'600), "400d1h");
  EXPECT_EQ(age(-5), "0s") << "the clock was set back";
  EXPECT_EQ(FormatAge({}, absl::FromUnixSeconds(5)), "-");
}

TEST(QuantityTest, IsThatOfKubernetes) {
  EXPECT_THAT(ParseQuantity("0"), IsOkAndHolds(0));
  EXPECT_THAT(ParseQuantity("4096"), IsOkAndHolds(4096));
  EXPECT_THAT(ParseQuantity("10Gi"), IsOkAndHolds(10 * kGiB));
  EXPECT_THAT(ParseQuantity("1.5Gi"), IsOkAndHolds(3 * kGiB / 2));
  EXPECT_THAT(ParseQuantity("500M"), IsOkAndHolds(500000000));
  EXPECT_THAT(ParseQuantity("2Ti"), IsOkAndHolds(2 * kTiB));
  EXPECT_THAT(ParseQuantity("1k"), IsOkAndHolds(1000));
  EXPECT_THAT(ParseQuantity("9223372036854775807"), IsOkAndHolds(INT64_MAX));
}

TEST(QuantityTest, OtherThingsAreRefusedByName) {
  for (const std::string text : {"", "Gi", "10GiB", "10 Gi", "-1", "1e3", "ten", "1.2.3Gi", "10gi",
                                 "99999999Pi", "9223372036854775808", "."}) {
    EXPECT_THAT(ParseQuantity(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"" + text + "\"")));
  }
}

TEST(AgeOptionTest, TakesSpansOfTime) {
  EXPECT_THAT(ParseAge("90m"), IsOkAndHolds(absl::Minutes(90)));
  EXPECT_THAT(ParseAge("0"), IsOkAndHolds(absl::ZeroDuration()));
  EXPECT_THAT(ParseAge("-1h"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseAge("1 day"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 day")));
}

}  // namespace
}  // namespace nodevol::admin

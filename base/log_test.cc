// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <string>

#include "test/support/matchers.h"

namespace nodevol::log {
namespace {

using nodevol::testing::StatusIs;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::string_literals;  // literals with a NUL inside

// What one call writes to standard error.
template <typename F>
std::string Written(F&& write) {
  ::testing::internal::CaptureStderr();
  write();
  return ::testing::internal::GetCapturedStderr();
}

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override { Init(Level::kInfo, Format::kText); }
  void TearDown() override { Init(Level::kInfo, Format::kText); }
};

TEST(JsonEscapeTest, PlainTextAndValidUtf8Stay) {
  EXPECT_EQ(JsonEscape(""), "");
  EXPECT_EQ(JsonEscape("vol-1 /mnt/a=b"), "vol-1 /mnt/a=b");
  EXPECT_EQ(JsonEscape("größe €  😀"), "größe €  😀");
  EXPECT_EQ(JsonEscape("\xF4\x8F\xBF\xBF"), "\xF4\x8F\xBF\xBF");  // U+10FFFF
}

TEST(JsonEscapeTest, QuotesAndBackslashesAreEscaped) {
  EXPECT_EQ(JsonEscape(R"(say "no\yes")"), R"(say \"no\\yes\")");
}

TEST(JsonEscapeTest, ControlCharactersAreEscaped) {
  EXPECT_EQ(JsonEscape("a\nb"), R"(a\nb)");
  EXPECT_EQ(JsonEscape("\x1b[31m\r\t\x7f"), R"(\u001b[31m\u000d\u0009\u007f)");
  EXPECT_EQ(JsonEscape("a\0b"s), R"(a\u0000b)");
}

TEST(JsonEscapeTest, BytesThatAreNotUtf8AreReplacedOneByOne) {
  EXPECT_EQ(JsonEscape("a\x80z"), R"(a\ufffdz)");                  // no lead byte
  EXPECT_EQ(JsonEscape("\xFF\xFE"), R"(\ufffd\ufffd)");            // never in UTF-8
  EXPECT_EQ(JsonEscape("\xC0\xAF"), R"(\ufffd\ufffd)");            // overlong '/'
  EXPECT_EQ(JsonEscape("\xE0\x80\xAF"), R"(\ufffd\ufffd\ufffd)");  // overlong '/'
  EXPECT_EQ(JsonEscape("\xED\xA0\x80"), R"(\ufffd\ufffd\ufffd)");  // a surrogate
  EXPECT_EQ(JsonEscape("\xF4\x90\x80\x80").size(), 4 * 6U);        // above U+10FFFF
  EXPECT_EQ(JsonEscape("\xE2\x82"), R"(\ufffd\ufffd)");            // cut off at the end
  EXPECT_EQ(JsonEscape("\xC3\"x"), R"(\ufffd\"x)");                // swallows no quote
}

TEST(ParseTest, LevelsByName) {
  Level level = Level::kInfo;
  EXPECT_OK(ParseLevel("debug", &level));
  EXPECT_EQ(level, Level::kDebug);
  EXPECT_OK(ParseLevel("info", &level));
  EXPECT_EQ(level, Level::kInfo);
  EXPECT_OK(ParseLevel("warn", &level));
  EXPECT_EQ(level, Level::kWarn);
  EXPECT_OK(ParseLevel("error", &level));
  EXPECT_EQ(level, Level::kError);
}

TEST(ParseTest, UnknownLevelIsNamedAndChangesNothing) {
  Level level = Level::kWarn;
  for (const char* text : {"", "INFO", "info ", "warning", "0"}) {
    EXPECT_THAT(ParseLevel(text, &level),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\""s + text + "\"")));
  }
  EXPECT_EQ(level, Level::kWarn);
}

TEST(ParseTest, FormatsByName) {
  Format format = Format::kText;
  EXPECT_OK(ParseFormat("json", &format));
  EXPECT_EQ(format, Format::kJson);
  EXPECT_OK(ParseFormat("text", &format));
  EXPECT_EQ(format, Format::kText);
  EXPECT_THAT(ParseFormat("xml", &format),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"xml\"")));
  EXPECT_EQ(format, Format::kText);
}

TEST_F(LogTest, TextQuotesOnlyWhatNeedsIt) {
  const std::string line = Written(
      [] { Warn("made", {{"volume", "vol-1"}, {"bytes", 42}, {"none", ""}, {"path", "/a b"}}); });
  EXPECT_THAT(line, EndsWith("Z warning made volume=vol-1 bytes=42 none=\"\" path=\"/a b\"\n"));
}

TEST_F(LogTest, ValueCannotForgeALineOrAField) {
  const std::string line = Written(
      [] { Info("made", {{"name", "x\n2026 error forged"}, {"other", "a\" forged=\"1"}}); });
  EXPECT_THAT(line, EndsWith(R"( name="x\n2026 error forged" other="a\" forged=\"1")"
                             "\n"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST_F(LogTest, JsonLineIsOneObject) {
  Init(Level::kInfo, Format::kJson);
  const std::string line =
      Written([] { Error("not \"made\"", {{"status", absl::InternalError("100% {} %v\n")}}); });
  EXPECT_THAT(line, StartsWith(R"({"time":")"));
  EXPECT_THAT(line, EndsWith(R"("level":"error","msg":"not \"made\"",)"
                             R"("status":"INTERNAL: 100% {} %v\n"})"
                             "\n"));
}

TEST_F(LogTest, NumbersAndTruthsAreNoStringsInJson) {
  Init(Level::kInfo, Format::kJson);
  const std::string line = Written(
      [] { Info("made", {{"bytes", int64_t{42}}, {"ms", 0.5}, {"thick", true}, {"name", "1"}}); });
  EXPECT_THAT(line, EndsWith(R"("bytes":42,"ms":0.5,"thick":true,"name":"1"})"
                             "\n"));
}

TEST_F(LogTest, LinesBelowTheLevelAreDropped) {
  Init(Level::kWarn, Format::kText);
  EXPECT_FALSE(Enabled(Level::kInfo));
  EXPECT_TRUE(Enabled(Level::kError));
  EXPECT_THAT(Written([] { Info("not shown"); }), IsEmpty());
}

}  // namespace
}  // namespace nodevol::log

// SPDX-License-Identifier: Apache-2.0
#include "admin/text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "base/bytes.h"
#include "base/log.h"

namespace nodevol::admin {
namespace {

// Of valid UTF-8: the character at the start, and how many bytes it has.
struct Character {
  uint32_t code = 0;
  size_t bytes = 1;
};

Character FirstOf(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const size_t bytes = byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
  if (text.size() < bytes) return {byte(0), 1};
  uint32_t code = byte(0) & (0xffU >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) code = code << 6 | (byte(i) & 0x3fU);
  return {code, bytes};
}

// Second control set, what changes the direction of text, has no width, or ends lines.
bool IsInvisible(uint32_t code) {
  const auto in = [code](uint32_t first, uint32_t last) { return code >= first && code <= last; };
  return in(0x80, 0x9f) || in(0x200b, 0x200f) || in(0x2028, 0x202e) || in(0x2060, 0x206f) ||
         code == 0xfeff || code == 0xad || code == 0x61c || in(0xfff9, 0xfffb) ||
         in(0xe0000, 0xe007f);
}

std::string EscapeInvisible(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character first = FirstOf(text);
    if (!IsInvisible(first.code)) {
      out.append(text.data(), first.bytes);
    } else if (first.code <= 0xffff) {
      absl::StrAppendFormat(&out, "\\u%04x", first.code);
    } else {
      absl::StrAppendFormat(&out, "\\u%04x\\u%04x", 0xd800 + ((first.code - 0x10000) >> 10),
                            0xdc00 + (first.code & 0x3ff));
    }
    text.remove_prefix(first.bytes);
  }
  return out;
}

}  // namespace

std::string Quoted(absl::string_view text) { return EscapeInvisible(log::JsonEscape(text)); }

std::string Printable(absl::string_view text) {
  return absl::StrReplaceAll(Quoted(text), {{"\\\"", "\""}, {"\\\\", "\\\\"}});
}

size_t WidthOf(absl::string_view printable) {
  return static_cast<size_t>(std::count_if(printable.begin(), printable.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

std::string FormatAge(const google::protobuf::Timestamp& time, absl::Time now) {
  if (time.seconds() == 0) return "-";
  const int64_t seconds = std::max<int64_t>(0, absl::ToUnixSeconds(now) - time.seconds());
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  if (seconds < kMinute) return absl::StrCat(seconds, "s");
  if (seconds < kHour) return absl::StrCat(seconds / kMinute, "m");
  if (seconds < kDay) return absl::StrCat(seconds / kHour, "h", seconds % kHour / kMinute, "m");
  return absl::StrCat(seconds / kDay, "d", seconds % kDay / kHour, "h");
}

absl::StatusOr<int64_t> ParseQuantity(absl::string_view text) {
  const absl::Status invalid = absl::InvalidArgumentError(
      absl::StrCat("\"", Printable(text),
                   "\" is no size; write a number of bytes, or one with Ki, "
                   "Mi, Gi, Ti, k, M, G or T behind it, such as 10Gi"));
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const absl::string_view unit = text.substr(digits);
  double factor = 0;
  double scale = 1;
  constexpr absl::string_view kBinary[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
  constexpr absl::string_view kDecimal[] = {"", "k", "M", "G", "T", "P"};
  for (size_t i = 0; i < std::size(kBinary); ++i) {
    if (unit == kBinary[i]) factor = scale;
    scale *= 1024;
  }
  scale = 1;
  for (size_t i = 0; i < std::size(kDecimal); ++i) {
    if (unit == kDecimal[i]) factor = scale;
    scale *= 1000;
  }
  int64_t whole = 0;
  if (factor == 1 && absl::SimpleAtoi(text, &whole)) return whole;  // exact, however large
  double number = 0;
  if (factor == 0 || !absl::SimpleAtod(text.substr(0, digits), &number)) return invalid;
  const double bytes = std::ceil(number * factor);
  // Made of digits and a point: never NaN.
  if (bytes < 0 || bytes >= 9.2e18) return invalid;
  return static_cast<int64_t>(bytes);
}

absl::StatusOr<absl::Duration> ParseAge(absl::string_view text) {
  absl::Duration age;
  if (absl::ParseDuration(text, &age) && age >= absl::ZeroDuration()) return age;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", Printable(text), "\" is no span of time; write one such as 90m or 24h, or 0"));
}

}  // namespace nodevol::admin

// SPDX-License-Identifier: Apache-2.0
#include "base/quantity.h"

#include <array>
#include <limits>
#include <optional>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "base/bytes.h"

namespace nodevol {
namespace {

// Of digits and of decimal exponents. The largest of both, multiplied, fits 128 bits.
constexpr size_t kMaxDigits = 19;
constexpr uint32_t kMaxExponent = 18;

struct Unit {
  absl::string_view suffix;
  uint64_t bytes;
};
constexpr std::array kUnits = {
    Unit{"", 1},
    Unit{"Ki", uint64_t{kKiB}},
    Unit{"Mi", uint64_t{kMiB}},
    Unit{"Gi", uint64_t{kGiB}},
    Unit{"Ti", uint64_t{kTiB}},
    Unit{"Pi", uint64_t{kTiB} * 1024},
    Unit{"Ei", uint64_t{kTiB} * 1024 * 1024},
    Unit{"k", 1'000},
    Unit{"M", 1'000'000},
    Unit{"G", 1'000'000'000},
    Unit{"T", 1'000'000'000'000},
    Unit{"P", 1'000'000'000'000'000},
    Unit{"E", 1'000'000'000'000'000'000},
};

uint64_t PowerOfTen(size_t exponent) {
  uint64_t power = 1;
  for (size_t i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// Takes the digits from the front of the text.
absl::string_view ConsumeDigits(absl::string_view& text) {
  size_t length = 0;
  while (length < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[length]))) {
    ++length;
  }
  const absl::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

// "Gi", "M", "e9"; nullopt for what is no unit of bytes.
std::optional<uint64_t> UnitOf(absl::string_view suffix) {
  for (const Unit& unit : kUnits) {
    if (suffix == unit.suffix) return unit.bytes;
  }
  if (!absl::ConsumePrefix(&suffix, "e") && !absl::ConsumePrefix(&suffix, "E")) return std::nullopt;
  uint32_t exponent = 0;
  const absl::string_view digits = ConsumeDigits(suffix);
  const bool number = suffix.empty() && absl::SimpleAtoi(digits, &exponent);
  if (!number || exponent > kMaxExponent) return std::nullopt;
  return PowerOfTen(exponent);
}

}  // namespace

absl::StatusOr<int64_t> ParseQuantity(absl::string_view text) {
  absl::string_view rest = text;
  const absl::string_view whole = ConsumeDigits(rest);
  const absl::string_view fraction =
      absl::ConsumePrefix(&rest, ".") ? ConsumeDigits(rest) : absl::string_view();
  const std::optional<uint64_t> unit = UnitOf(rest);
  uint64_t mantissa = 0;
  if (whole.empty() || whole.size() + fraction.size() > kMaxDigits || !unit.has_value() ||
      !absl::SimpleAtoi(absl::StrCat(whole, fraction), &mantissa)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text,
        "\" is no size; use a number of bytes, or one with k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi or "
        "Ei behind it, such as 1Gi"));
  }
  const absl::uint128 scale = PowerOfTen(fraction.size());
  const absl::uint128 bytes = (absl::uint128(mantissa) * *unit + scale - 1) / scale;
  if (bytes == 0 || bytes > absl::uint128(std::numeric_limits<int64_t>::max())) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is ", bytes == 0 ? "nothing" : "more than there can be",
                     "; use a size "
                     "from 1 byte to 8 EiB"));
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace nodevol

// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nodevol {

std::string ShortBytes(int64_t bytes) {
  static constexpr std::array<const char*, 7> kUnits = {"bytes", "KiB", "MiB", "GiB",
                                                        "TiB",   "PiB", "EiB"};
  double scaled = static_cast<double>(bytes);
  size_t unit = 0;
  while (std::abs(scaled) >= 1024 && unit + 1 < kUnits.size()) {
    scaled /= 1024;
    ++unit;
  }
  if (unit == 0) return absl::StrCat(bytes, " bytes");
  // %.4g keeps "1.5 GiB" short and "1023 MiB" whole.
  return absl::StrFormat("%.4g %s", scaled, kUnits[unit]);
}

std::string HumanBytes(int64_t bytes) {
  const std::string text = ShortBytes(bytes);
  return absl::EndsWith(text, " bytes") ? text : absl::StrCat(text, " (", bytes, " bytes)");
}

int64_t RoundUp(int64_t value, int64_t unit) {
  const int64_t remainder = value % unit;
  if (remainder == 0) return value;
  if (value > std::numeric_limits<int64_t>::max() - (unit - remainder)) {
    return std::numeric_limits<int64_t>::max() / unit * unit;
  }
  return value + (unit - remainder);
}

}  // namespace nodevol

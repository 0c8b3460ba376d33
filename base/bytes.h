// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_BYTES_H_
#define NODEVOL_BASE_BYTES_H_

#include <cstdint>
#include <string>

namespace nodevol {

inline constexpr int64_t kKiB = 1024;
inline constexpr int64_t kMiB = 1024 * kKiB;
inline constexpr int64_t kGiB = 1024 * kMiB;
inline constexpr int64_t kTiB = 1024 * kGiB;

// "1.5 GiB": for tables.
std::string ShortBytes(int64_t bytes);

// "1.5 GiB (1610612736 bytes)": for messages to people, exact and readable at once.
std::string HumanBytes(int64_t bytes);

// The next multiple of `unit` (> 0) at or above `value` (>= 0); INT64_MAX rounded down to a
// multiple when that would overflow.
int64_t RoundUp(int64_t value, int64_t unit);

}  // namespace nodevol

#endif  // NODEVOL_BASE_BYTES_H_

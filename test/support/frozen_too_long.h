// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_FROZEN_TOO_LONG_H_
#define NODEVOL_TEST_SUPPORT_FROZEN_TOO_LONG_H_

#include "absl/status/status.h"
#include "absl/strings/match.h"

namespace nodevol::testing {

// True for the answer to a group snapshot whose copies took longer than volumes are kept frozen, as
// they may on a busy machine. Who asked asks again.
inline bool WasFrozenTooLong(const absl::Status& status) {
  return absl::IsUnavailable(status) && absl::StrContains(status.message(), "kept frozen");
}

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_FROZEN_TOO_LONG_H_

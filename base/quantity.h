// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_QUANTITY_H_
#define NODEVOL_BASE_QUANTITY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nodevol {

// The bytes of a Kubernetes quantity: "1Gi", "500M", "1.5Ti", "2e9", "1048576". A part of a byte is
// rounded up. INVALID_ARGUMENT for what is no such text, is zero, or does not fit.
absl::StatusOr<int64_t> ParseQuantity(absl::string_view text);

}  // namespace nodevol

#endif  // NODEVOL_BASE_QUANTITY_H_

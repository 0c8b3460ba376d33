// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_DESCRIPTOR_LIMIT_H_
#define NODEVOL_HOST_DESCRIPTOR_LIMIT_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace nodevol::host {

// Lets the process open as many descriptors as its hard limit allows, and returns how many those
// are. What it starts inherits that, unless it is said otherwise there.
absl::StatusOr<uint64_t> RaiseDescriptorLimit();

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_DESCRIPTOR_LIMIT_H_

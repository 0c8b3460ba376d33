// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_PARALLEL_H_
#define NODEVOL_BASE_PARALLEL_H_

#include <cstddef>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace nodevol {

// Calls f(0) to f(count - 1) at the same time, the first on the caller's thread, each other on one
// of its own where there can be one, and waits for all. For few calls that mostly wait.
std::vector<absl::Status> InParallel(size_t count, absl::FunctionRef<absl::Status(size_t)> f);

// The first that is not OK.
absl::Status FirstError(const std::vector<absl::Status>& all);

}  // namespace nodevol

#endif  // NODEVOL_BASE_PARALLEL_H_

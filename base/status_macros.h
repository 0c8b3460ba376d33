// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_STATUS_MACROS_H_
#define NODEVOL_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define NODEVOL_CONCAT_INNER(a, b) a##b
#define NODEVOL_CONCAT(a, b) NODEVOL_CONCAT_INNER(a, b)

// Returns the status from the enclosing function when it is not OK.
#define RETURN_IF_ERROR(expr)                                         \
  do {                                                                \
    if (absl::Status status_ = (expr); !status_.ok()) return status_; \
  } while (false)

// Evaluates an absl::StatusOr; returns its status when not OK, otherwise moves its value into lhs.
#define ASSIGN_OR_RETURN(lhs, expr) \
  NODEVOL_ASSIGN_OR_RETURN_INNER(NODEVOL_CONCAT(status_or_, __LINE__), lhs, expr)

#define NODEVOL_ASSIGN_OR_RETURN_INNER(holder, lhs, expr) \
  auto holder = (expr);                                   \
  if (!holder.ok()) return std::move(holder).status();    \
  lhs = *std::move(holder)

#endif  // NODEVOL_BASE_STATUS_MACROS_H_

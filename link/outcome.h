// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_OUTCOME_H_
#define NODEVOL_LINK_OUTCOME_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

// Of a command whose stream ends before its result is there nobody knows whether it was run. The
// status with which it ends carries that as a payload: its code says only that one may try again.
namespace nodevol::link {

inline constexpr absl::string_view kOutcomePayload = "nodevol/outcome";

inline absl::Status WithUnknownOutcome(absl::Status status) {
  status.SetPayload(kOutcomePayload, absl::Cord("unknown"));
  return status;
}

// False for a command that was not sent, and for one that has a result.
inline bool IsOutcomeUnknown(const absl::Status& status) {
  return status.GetPayload(kOutcomePayload).has_value();
}

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_OUTCOME_H_

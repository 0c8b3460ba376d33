// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_INSIST_H_
#define NODEVOL_TEST_CLUSTER_INSIST_H_

#include "absl/functional/function_ref.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/monotonic.h"
#include "test/support/matchers.h"

// Calling again, as sidecars do.
namespace nodevol::testing {

// Longer than anything takes that is to happen: dead connections are noticed after 20 seconds, and
// nodes try again after half a minute at the latest.
inline constexpr absl::Duration kPatience = absl::Minutes(3);

// After these a sidecar calls again with the same request: how it ends is not known yet.
inline bool IsUndecided(const absl::Status& answer) {
  return absl::IsUnavailable(answer) || absl::IsAborted(answer) || absl::IsCancelled(answer) ||
         absl::IsDeadlineExceeded(answer);
}

// The same, and what makes a scheduler choose again: it may choose the same node.
inline bool IsUndecidedOrNoRoom(const absl::Status& answer) {
  return IsUndecided(answer) || absl::IsResourceExhausted(answer);
}

// Calls until the answer is none of which `again` is true; returns that, or, when the patience is
// over, the last one.
template <typename Call>
auto Insist(const Call& call, bool (*again)(const absl::Status&) = IsUndecided,
            absl::Duration patience = kPatience) {
  const absl::Duration deadline = MonotonicNow() + patience;
  absl::BitGen random;
  while (true) {
    auto answer = call();
    if (!again(StatusOf(answer)) || MonotonicNow() > deadline) return answer;
    // Two that were refused because of each other must not come again at the same time.
    absl::SleepFor(absl::Milliseconds(absl::Uniform(random, 5, 60)));
  }
}

// Looks until the check is OK, whatever else it says meanwhile; when the patience is over, returns
// what it said last.
inline absl::Status Await(absl::FunctionRef<absl::Status()> check,
                          absl::Duration patience = kPatience) {
  const absl::Duration deadline = MonotonicNow() + patience;
  while (true) {
    const absl::Status now = check();
    if (now.ok() || MonotonicNow() > deadline) return now;
    absl::SleepFor(absl::Milliseconds(50));
  }
}

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_INSIST_H_

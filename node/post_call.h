// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_POST_CALL_H_
#define NODEVOL_NODE_POST_CALL_H_

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

#include "base/callback.h"
#include "base/executor.h"

namespace nodevol::node {

// Answers with what `work` returns on one of the executor's threads; UNAVAILABLE when it takes no
// more. For work on what is in no pool: pools have workers of their own.
template <typename Response>
void PostCall(Executor& executor, absl::AnyInvocable<absl::StatusOr<Response>()> work,
              Callback<Response> done) {
  // The task is only moved from when it is taken; otherwise `done` is still ours to call.
  auto answer = std::make_shared<Callback<Response>>(std::move(done));
  const bool posted = executor.TryPost([answer, run = std::move(work)]() mutable {
    absl::StatusOr<Response> result = Guarded([&run] { return run(); });
    run = nullptr;  // with what it holds, locks above all
    std::move (*answer)(std::move(result));
  });
  if (!posted) {
    std::move (*answer)(
        absl::UnavailableError("too many operations wait, or the driver is stopping; retry"));
  }
}

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_POST_CALL_H_

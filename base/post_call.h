// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_POST_CALL_H_
#define NODEVOL_BASE_POST_CALL_H_

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

#include "base/callback.h"
#include "base/executor.h"

namespace nodevol {

// Answers with what `work` returns on one of the executor's threads; UNAVAILABLE when it takes no
// more. What `work` holds, locks above all, is given up before it is answered.
template <typename T>
void PostCall(Executor& executor, absl::AnyInvocable<absl::StatusOr<T>()> work, Callback<T> done) {
  // The task is only moved from when it is taken; otherwise `done` is still ours to call.
  auto answer = std::make_shared<Callback<T>>(std::move(done));
  const bool posted = executor.TryPost([answer, run = std::move(work)]() mutable {
    absl::StatusOr<T> result = Guarded([&run] { return run(); });
    run = nullptr;
    std::move (*answer)(std::move(result));
  });
  if (!posted) {
    std::move (*answer)(
        absl::UnavailableError("too many operations wait, or the driver is stopping; retry"));
  }
}

}  // namespace nodevol

#endif  // NODEVOL_BASE_POST_CALL_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_CALLBACK_H_
#define NODEVOL_BASE_CALLBACK_H_

#include <atomic>
#include <exception>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nodevol {

// What an asynchronous call answers with. It is called exactly once, on any thread.
template <typename T>
using Callback = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;
using StatusCallback = absl::AnyInvocable<void(absl::Status) &&>;

// A callback that takes a T, converts it, and passes the result on; errors are passed on as they
// are.
template <typename T, typename R, typename Convert>
Callback<T> Converting(Callback<R> done, Convert convert) {
  return [next = std::move(done), convert = std::move(convert)](absl::StatusOr<T> value) mutable {
    if (value.ok()) {
      std::move(next)(convert(*std::move(value)));
    } else {
      std::move(next)(std::move(value).status());
    }
  };
}

// A callback that takes a status and passes an empty R on when it is OK.
template <typename R>
StatusCallback AnsweringEmpty(Callback<R> done) {
  return [next = std::move(done)](absl::Status status) mutable {
    if (status.ok()) {
      std::move(next)(R());
    } else {
      std::move(next)(std::move(status));
    }
  };
}

// What work answers with that has nothing to say but its status.
struct Nothing {};

// A callback of nothing that passes its status on.
inline Callback<Nothing> AnsweringStatus(StatusCallback done) {
  return [next = std::move(done)](const absl::StatusOr<Nothing>& result) mutable {
    std::move(next)(result.status());
  };
}

// Passes the first answer on and drops what comes after it: for work that may throw when it has
// already answered. Thread-safe.
template <typename T>
class AnswerOnce {
 public:
  explicit AnswerOnce(Callback<T> done) : done_(std::move(done)) {}
  void Call(absl::StatusOr<T> answer) {
    if (!called_.exchange(true)) std::move(done_)(std::move(answer));
  }

 private:
  std::atomic<bool> called_ = false;
  Callback<T> done_;
};

// INTERNAL, with a log id under which the exception itself is in the log. For the last-resort catch
// at a boundary; nothing of ours throws on purpose.
absl::Status ExceptionStatus(const char* what);

// Runs f and turns an exception into a status, so that none crosses the boundary and no callback is
// ever dropped. f returns absl::Status or absl::StatusOr<T>.
template <typename F>
auto Guarded(F&& f) -> decltype(std::forward<F>(f)()) {
  try {
    return std::forward<F>(f)();
  } catch (const std::exception& e) {
    return ExceptionStatus(e.what());
  } catch (...) {
    return ExceptionStatus("not a std::exception");
  }
}

}  // namespace nodevol

#endif  // NODEVOL_BASE_CALLBACK_H_

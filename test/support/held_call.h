// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_HELD_CALL_H_
#define NODEVOL_TEST_SUPPORT_HELD_CALL_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "test/support/strace.h"

namespace nodevol::testing {

// Holds a process's threads where they enter a system call, until they are let go: so that a test
// can see what else goes on meanwhile, without a look at the clock.
class HeldCall {
 public:
  struct Options {
    std::string name;  // of the system call
    long number = 0;   // SYS_...
    // Which of each thread's, counted from 1, and what its second argument is; otherwise the first.
    int when = 0;
    unsigned long second_argument = 0;
    // Only threads whose names begin with this.
    std::string threads;
    // A file for strace's trace.
    std::string trace;
  };

  // From now on threads that enter the call stay there.
  static absl::StatusOr<HeldCall> Begin(pid_t pid, const Options& options);

  // Waits until a thread is held.
  absl::Status AwaitHeld() const;
  // Lets all go.
  void Release() { strace_.reset(); }
  // The same when the process was killed: its end waits for the threads that are held.
  void ReleaseDying() {
    strace_->Kill();
    strace_.reset();
  }

 private:
  HeldCall(pid_t pid, const Options& options, Strace strace)
      : pid_(pid),
        number_(options.number),
        second_argument_(options.second_argument),
        strace_(std::move(strace)) {}
  [[nodiscard]] bool IsHeld() const;

  pid_t pid_;
  long number_;
  unsigned long second_argument_;
  std::optional<Strace> strace_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_HELD_CALL_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_STRACE_H_
#define NODEVOL_TEST_SUPPORT_STRACE_H_

#include <sys/types.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"

namespace nodevol::testing {

// strace(1) on a running process, to disturb it and to see what it did.
class Strace {
 public:
  struct Options {
    std::string trace;   // system calls to see, separated by commas
    std::string inject;  // -e inject=..., "" for none
    std::string output;  // file for the trace
    // Only threads whose names begin with this: the pool's workers, not gRPC's.
    std::string threads;
  };

  // Attaches to the threads that the process has now and returns when that is done. Counting for
  // `when=` starts here, in each thread for itself. What the threads start is not followed.
  static absl::StatusOr<Strace> Attach(pid_t pid, const Options& options);
  Strace(Strace&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        messages_(std::move(other.messages_)),
        output_(std::move(other.output_)) {}
  Strace& operator=(Strace&&) = delete;
  ~Strace();

  // Returns the trace. Where the process is ending, strace ends with it and must not be disturbed:
  // one that detaches from a dying process hangs. Otherwise it is told to detach.
  std::string Finish(bool process_is_ending);
  // Ends it at once, however it is.
  void Kill();

 private:
  Strace(pid_t pid, UniqueFd messages, std::string output)
      : pid_(pid), messages_(std::move(messages)), output_(std::move(output)) {}

  pid_t pid_;
  UniqueFd messages_;  // where it says what it attaches to; closed, it would end
  std::string output_;
};

// True when the trace shows that an injection was made.
bool WasInjected(const std::string& trace);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_STRACE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_FREEZE_GUARD_H_
#define NODEVOL_HOST_FREEZE_GUARD_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "base/unique_fd.h"

namespace nodevol::host {

// Freezes filesystems for a moment, and sees to it that the moment ends. The kernel would keep them
// frozen for ever, whatever happens to the process that did it; so a helper process, which is there
// before anything is frozen, thaws them when this process ends or the limit has passed. If both are
// killed in the same moment nobody is left to do it.
//
//   ASSIGN_OR_RETURN(FreezeGuard guard, FreezeGuard::Start(filesystems, absl::Seconds(2)));
//   RETURN_IF_ERROR(guard.Freeze());
//   ...
//   RETURN_IF_ERROR(guard.Thaw());  // only now is it known that all were frozen all the time
class FreezeGuard {
 public:
  struct Filesystem {
    int fd = -1;       // open for reading, until the guard is gone
    std::string name;  // for messages
  };

  // Starts the helper: this program once more, whose main() must begin with IsFreezeGuard().
  // UNAVAILABLE when it does not start.
  static absl::StatusOr<FreezeGuard> Start(std::vector<Filesystem> filesystems,
                                           absl::Duration limit);
  FreezeGuard(FreezeGuard&& other) noexcept
      : filesystems_(std::move(other.filesystems_)),
        limit_(other.limit_),
        deadline_(other.deadline_),
        frozen_(std::exchange(other.frozen_, {})),
        control_(std::move(other.control_)),
        helper_(std::exchange(other.helper_, -1)) {}
  FreezeGuard& operator=(FreezeGuard&&) = delete;
  // Thaws what is frozen.
  ~FreezeGuard();

  // Freezes all, at the same time: the kernel waits some milliseconds in each. The limit counts
  // from here. After an error some may be frozen, until the guard is gone. DEADLINE_EXCEEDED;
  // FAILED_PRECONDITION when somebody else has one frozen; that of the errno when one fails;
  // UNAVAILABLE when the helper is gone.
  absl::Status Freeze();
  // Thaws all. DEADLINE_EXCEEDED when the limit had passed, ABORTED when somebody else has thawed
  // one: then they were not all frozen all the time.
  absl::Status Thaw();

  // The helper's.
  [[nodiscard]] pid_t pid() const { return helper_; }

 private:
  FreezeGuard(std::vector<Filesystem> filesystems, absl::Duration limit, UniqueFd control,
              pid_t helper)
      : filesystems_(std::move(filesystems)),
        limit_(limit),
        control_(std::move(control)),
        helper_(helper) {}

  absl::Status AwaitReady() const;
  [[nodiscard]] absl::Status CheckTime() const;
  void EndHelper(bool at_once);

  std::vector<Filesystem> filesystems_;
  absl::Duration limit_;
  absl::Duration deadline_ = absl::InfiniteDuration();
  std::vector<size_t> frozen_;  // which of them are
  UniqueFd control_;            // closed, it tells the helper to thaw
  pid_t helper_;
};

// True when the program was started as the helper of another: main() returns RunFreezeGuard() then,
// and does nothing before.
bool IsFreezeGuard(int argc, char** argv);
int RunFreezeGuard(int argc, char** argv);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_FREEZE_GUARD_H_

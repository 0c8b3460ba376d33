// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/namespaces.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <thread>

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"

namespace nodevol::testing {

absl::StatusOr<Namespaces> Namespaces::Create(Mounts mounts) {
  absl::StatusOr<Namespaces> made;
  // Namespaces are each thread's own. The descriptors keep them when the thread has ended.
  std::thread([&made, mounts] { made = Unshare(mounts); }).join();
  return made;
}

absl::StatusOr<Namespaces> Namespaces::Unshare(Mounts mounts) {
  const bool own_mounts = mounts == Mounts::kOwn;
  if (::unshare(own_mounts ? CLONE_NEWNET | CLONE_NEWNS : CLONE_NEWNET) != 0) {
    return ErrnoStatus(errno, "make namespaces");
  }
  ASSIGN_OR_RETURN(UniqueFd network, host::OpenPath("/proc/thread-self/ns/net", O_RDONLY));
  if (!own_mounts) return Namespaces(std::move(network), UniqueFd());
  ASSIGN_OR_RETURN(UniqueFd mount, host::OpenPath("/proc/thread-self/ns/mnt", O_RDONLY));
  return Namespaces(std::move(network), std::move(mount));
}

absl::Status Namespaces::Run(absl::FunctionRef<absl::Status()> work) const {
  absl::Status answer;
  std::thread([this, &answer, work] {
    answer = Enter();
    if (answer.ok()) answer = work();
  }).join();
  return answer;
}

absl::Status Namespaces::Enter() const {
  if (::setns(network_.get(), CLONE_NEWNET) != 0) {
    return ErrnoStatus(errno, "enter a network namespace");
  }
  if (!mounts_.valid()) return absl::OkStatus();
  // Threads have one root directory and one working directory, which are of one namespace.
  if (::unshare(CLONE_FS) != 0 || ::setns(mounts_.get(), CLONE_NEWNS) != 0) {
    return ErrnoStatus(errno, "enter a mount namespace");
  }
  return absl::OkStatus();
}

}  // namespace nodevol::testing

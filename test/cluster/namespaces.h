// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_NAMESPACES_H_
#define NODEVOL_TEST_CLUSTER_NAMESPACES_H_

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"

namespace nodevol::testing {

// A machine, as far as the driver can tell: a network namespace, in which there is nothing at
// first, and where it is asked for a mount namespace, with the mounts that the test has now. Both
// end with this object and the processes inside; nothing has to be taken down.
class Namespaces {
 public:
  enum class Mounts { kOfTheTest, kOwn };

  // INTERNAL when the kernel refuses; it needs root.
  static absl::StatusOr<Namespaces> Create(Mounts mounts);

  // Does the work on a thread inside, and returns what it answers. The processes that it starts are
  // inside too.
  [[nodiscard]] absl::Status Run(absl::FunctionRef<absl::Status()> work) const;

  // A descriptor of the network namespace.
  [[nodiscard]] int network() const { return network_.get(); }

 private:
  Namespaces(UniqueFd network, UniqueFd mounts)
      : network_(std::move(network)), mounts_(std::move(mounts)) {}

  // Of the thread that calls them.
  static absl::StatusOr<Namespaces> Unshare(Mounts mounts);
  [[nodiscard]] absl::Status Enter() const;

  UniqueFd network_;
  UniqueFd mounts_;  // none: the test's
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_NAMESPACES_H_

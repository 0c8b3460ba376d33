// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_MISCHIEF_H_
#define NODEVOL_TEST_CLUSTER_MISCHIEF_H_

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "test/cluster/cluster.h"

namespace nodevol::testing {

// Cuts cables and kills nodes and replicas, several at a time, and mends them after a while, all at
// random.
class Mischief {
 public:
  // The cluster is whole, and must outlive this.
  Mischief(Cluster& cluster, unsigned seed) : cluster_(cluster), random_(seed) {}

  // Goes on for so long; then all that is broken is mended. INTERNAL when a process ended that was
  // not killed, or does not start again.
  absl::Status Run(absl::Duration duration);

  // "31 cables cut, 9 nodes and 7 replicas killed"
  [[nodiscard]] std::string Summary() const;

 private:
  enum class Kind { kCable, kNode, kReplica };
  struct Broken {
    Kind kind;
    size_t node;
    size_t replica;
    absl::Duration until;  // on the monotonic clock
  };

  absl::Status BreakOne();
  [[nodiscard]] bool IsBroken(const Broken& candidate) const;
  absl::Status Break(const Broken& target);
  absl::Status Mend(const Broken& target);
  // Those whose time has come.
  absl::Status MendUntil(absl::Duration now);
  [[nodiscard]] absl::Duration DurationFor(Kind kind);

  int Between(int least, int most);

  Cluster& cluster_;
  std::minstd_rand random_;
  std::vector<Broken> broken_;
  int cables_ = 0;
  int nodes_ = 0;
  int replicas_ = 0;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_MISCHIEF_H_

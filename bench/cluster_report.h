// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_CLUSTER_REPORT_H_
#define NODEVOL_BENCH_CLUSTER_REPORT_H_

#include <optional>
#include <string>

#include "bench/results.h"

namespace nodevol::bench {

// What the cluster adds to a create at the median, in milliseconds: the call's latency less that of
// a call that goes to no node, and less what the node itself takes.
double AddedToCreate(const ClusterResult& result);

// The section about many nodes; "" without a result.
std::string ClusterSection(const std::optional<ClusterResult>& result);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_CLUSTER_REPORT_H_

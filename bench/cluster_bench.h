// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_CLUSTER_BENCH_H_
#define NODEVOL_BENCH_CLUSTER_BENCH_H_

#include "absl/status/statusor.h"

#include "bench/results.h"

namespace nodevol::bench {

// The calls, as the tables call them.
inline constexpr char kCreateAtNode[] = "create, by the node's storage itself";
inline constexpr char kBareCall[] = "ControllerGetCapabilities";
inline constexpr char kCreateInCluster[] = "CreateVolume at a node";
inline constexpr char kCreateAnywhere[] = "CreateVolume anywhere";
inline constexpr char kDeleteInCluster[] = "DeleteVolume";
inline constexpr char kSmallPage[] = "ListVolumes, 100 a page";
inline constexpr char kLargePage[] = "ListVolumes, 1000 a page";
inline constexpr char kCapacityOfNode[] = "GetCapacity of a node";
inline constexpr char kCapacityOfAll[] = "GetCapacity of all nodes";

// Measures a controller, as a process of its own, with many simulated nodes in this one: what it
// takes of its machine, how soon it knows them all, and how quickly it answers. In the sandbox.
absl::StatusOr<ClusterResult> BenchCluster(const ClusterOptions& options);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_CLUSTER_BENCH_H_

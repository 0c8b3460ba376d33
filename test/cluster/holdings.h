// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_HOLDINGS_H_
#define NODEVOL_TEST_CLUSTER_HOLDINGS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "test/cluster/cluster.h"

// What volumes and snapshots a cluster has, seen from several sides that must agree.
namespace nodevol::testing {

// A line for each of them. A volume that was made a second time, of the same name at another node,
// has another id and so another line.
using Holdings = std::set<std::string>;

std::string VolumeLine(const std::string& id, const std::string& node, int64_t bytes);
std::string SnapshotLine(const std::string& id, const std::string& source_volume_id);

// As the replica lists them, in pages of so many. INTERNAL for pages that are out of order.
absl::StatusOr<Holdings> ListedBy(const Cluster& cluster, size_t replica, int page = 7);

// As the records on all nodes' disks say. INTERNAL for a disk that has something unfinished, or a
// damaged record. The nodes may run; when something is being made, the answer is of no use.
absl::StatusOr<Holdings> OnDisks(const Cluster& cluster);

// INTERNAL, with the first lines that only one of them has, unless both are the same.
absl::Status CheckSame(absl::string_view where, const Holdings& expected, const Holdings& found);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_HOLDINGS_H_

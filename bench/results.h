// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_RESULTS_H_
#define NODEVOL_BENCH_RESULTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

#include "bench/load.h"
#include "bench/stand.h"

namespace nodevol::bench {

// What was asked for.
struct RunOptions {
  int volumes = 0;  // that exist in the full state
  int samples = 0;  // of each operation in each state, rounded up to whole rounds
  int clients = 0;
};

// The phases of each operation, one a round.
using Rounds = absl::flat_hash_map<std::string, std::vector<Phase>>;

struct KindResult {
  std::string name;
  std::vector<std::string> operations;  // in the order of a volume's life
  Rounds empty;                         // on a pool with no other volume
  Rounds full;                          // beside the others
  Rounds crowded;                       // while many of those are published; may be none
};

// A driver without volumes or with all of them.
struct DriverResult {
  Footprint started;  // just started
  Footprint worked;   // after the measurements
  absl::Duration start;
  absl::Duration cold_start;  // with nothing of the pool in memory
};

struct PoolResult {
  std::string name;
  int volumes = 0;
  std::string mount_words;
  int few = 0;  // volumes in the state that is compared with
  std::string fill_words;
  absl::Duration fill;
  int published = 0;
  DriverResult empty;
  DriverResult full;
  std::vector<KindResult> kinds;
};

// The blocks of snapshots of one volume.
struct BlockRow {
  int64_t volume_bytes = 0;
  int ranges = 0;  // allocated, and changed
  Phase allocated;
  Phase delta;
  // The same found out by reading the images.
  Phase read_allocated;
  Phase read_delta;
};

struct BlockResult {
  std::string pool;
  std::vector<BlockRow> rows;
};

// A cluster of simulated nodes.
struct ClusterOptions {
  int nodes = 0;
  int node_volumes = 0;  // of each node
  int dials = 0;         // nodes that may be connecting at once
  int samples = 0;       // of each call, rounded up to whole rounds
};

// All nodes come to a controller that knows nothing.
struct Arrival {
  absl::Duration connected;             // from when they could until all are connected
  absl::Duration known;                 // until all their volumes have been listed
  absl::Duration listing;               // of which the list itself took
  absl::Duration controller_processor;  // time, of all its threads
  absl::Duration nodes_processor;       // the same of all simulated nodes, and of who asks
  int64_t resident_bytes = 0;           // of the controller, then
  int64_t peak_resident_bytes = 0;
};

struct ClusterResult {
  ClusterOptions options;
  int64_t empty_resident_bytes = 0;  // of the controller before any node has come
  Arrival first;
  int64_t worked_resident_bytes = 0;  // after the calls
  Arrival again;                      // after the controller was killed
  Rounds calls;
};

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_RESULTS_H_

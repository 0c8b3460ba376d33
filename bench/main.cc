// SPDX-License-Identifier: Apache-2.0
//
// nodevol-bench: what the driver's operations cost, with few volumes and with many, next to what
// the machine itself makes them cost. Its mounts, loop devices and files end with it.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "bench/block_bench.h"
#include "bench/cluster_bench.h"
#include "bench/interruption.h"
#include "bench/machine.h"
#include "bench/pool_bench.h"
#include "bench/report.h"
#include "test/support/sandbox.h"

ABSL_FLAG(int, volumes, 10000, "how many other volumes exist in the full state");
ABSL_FLAG(int, samples, 512, "how often each operation is measured in each state, at least");
ABSL_FLAG(int, clients, 8, "how many clients call at once");
ABSL_FLAG(std::vector<std::string>, pools,
          std::vector<std::string>({"btrfs", "btrfs-used", "btrfs-nossd", "xfs", "ext4"}),
          "the pools to measure on");
ABSL_FLAG(
    std::vector<std::string>, sections,
    std::vector<std::string>({"operations", "blocks", "cluster"}),
    "what to measure: operations on volumes, the blocks of snapshots (where pools can), and a "
    "controller with many simulated nodes");
ABSL_FLAG(int, nodes, 5000, "how many nodes the cluster has");
ABSL_FLAG(int, node_volumes, 20, "how many volumes each of its nodes has");
ABSL_FLAG(
    int, dials, 256,
    "how many of its nodes may be connecting at once: they share the controller's processors");
ABSL_FLAG(std::string, write_table, "", "file for the report; default: standard output");

namespace nodevol::bench {
namespace {

constexpr char kOperations[] = "operations";
constexpr char kBlocks[] = "blocks";
constexpr char kCluster[] = "cluster";

absl::Status CheckFlags(const RunOptions& options, const ClusterOptions& cluster) {
  if (options.volumes < 1 || options.samples < 1 || options.clients < 1) {
    return absl::InvalidArgumentError("--volumes, --samples and --clients must be positive");
  }
  if (cluster.nodes < 1 || cluster.node_volumes < 1 || cluster.dials < 1) {
    return absl::InvalidArgumentError("--nodes, --node-volumes and --dials must be positive");
  }
  for (const std::string& name : absl::GetFlag(FLAGS_pools)) {
    const std::vector<PoolPlan> plans = AllPlans();
    if (std::none_of(plans.begin(), plans.end(),
                     [&name](const PoolPlan& plan) { return plan.name == name; })) {
      return absl::InvalidArgumentError(absl::StrCat("--pools: there is no pool \"", name, "\""));
    }
  }
  for (const std::string& name : absl::GetFlag(FLAGS_sections)) {
    if (name != kOperations && name != kBlocks && name != kCluster) {
      return absl::InvalidArgumentError(absl::StrCat("--sections: there is no \"", name,
                                                     "\", only ", kOperations, ", ", kBlocks,
                                                     " and ", kCluster));
    }
  }
  return absl::OkStatus();
}

bool IsWanted(const std::vector<std::string>& wanted, const std::string& name) {
  return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
}

struct Results {
  std::vector<PoolResult> pools;
  std::vector<BlockResult> blocks;
  std::optional<ClusterResult> cluster;
};

absl::StatusOr<Results> BenchAll(const RunOptions& options, const ClusterOptions& cluster) {
  const std::vector<std::string> sections = absl::GetFlag(FLAGS_sections);
  Results results;
  for (const PoolPlan& plan : AllPlans()) {
    if (!IsWanted(absl::GetFlag(FLAGS_pools), plan.name)) continue;
    if (IsWanted(sections, kOperations)) {
      ASSIGN_OR_RETURN(PoolResult result, BenchPool(plan, options));
      results.pools.push_back(std::move(result));
    }
    if (IsWanted(sections, kBlocks) && plan.blocks) {
      ASSIGN_OR_RETURN(BlockResult result, BenchBlocks(plan, options));
      results.blocks.push_back(std::move(result));
    }
  }
  if (IsWanted(sections, kCluster)) {
    ASSIGN_OR_RETURN(results.cluster, BenchCluster(cluster));
  }
  return results;
}

absl::Status Write(const std::string& report) {
  const std::string path = absl::GetFlag(FLAGS_write_table);
  if (path.empty()) {
    std::fputs(report.c_str(), stdout);
    return absl::OkStatus();
  }
  std::ofstream file(path);
  file << report;
  file.close();
  return file.good() ? absl::OkStatus() : absl::InternalError(absl::StrCat("can't write ", path));
}

absl::Status Bench(const std::string& command) {
  const RunOptions options = {.volumes = absl::GetFlag(FLAGS_volumes),
                              .samples = absl::GetFlag(FLAGS_samples),
                              .clients = absl::GetFlag(FLAGS_clients)};
  const ClusterOptions cluster = {.nodes = absl::GetFlag(FLAGS_nodes),
                                  .node_volumes = absl::GetFlag(FLAGS_node_volumes),
                                  .dials = absl::GetFlag(FLAGS_dials),
                                  .samples = options.samples};
  RETURN_IF_ERROR(CheckFlags(options, cluster));
  WatchForInterruption();
  RETURN_IF_ERROR(testing::EnterSandbox());
  const absl::Duration begun = MonotonicNow();
  RunDescription run = {.date = absl::Now(),
                        .command = command,
                        .took = absl::ZeroDuration(),
                        .machine = DescribeMachine(testing::ImageDirectory()),
                        .options = options};
  absl::StatusOr<Results> results = BenchAll(options, cluster);
  // Whatever failed then failed because of it.
  RETURN_IF_ERROR(CheckNotInterrupted());
  RETURN_IF_ERROR(results.status());
  run.took = MonotonicNow() - begun;
  return Write(Report(run, results->pools, results->blocks, results->cluster));
}

// Flags may be written with dashes, as the driver's; the flags library knows underscores.
void NormalizeFlag(char* argument) {
  if (!absl::StartsWith(argument, "--")) return;
  for (char* c = argument + 2; *c != '\0' && *c != '='; ++c) {
    if (*c == '-') *c = '_';
  }
}

}  // namespace
}  // namespace nodevol::bench

int main(int argc, char** argv) {
  const std::string command = absl::StrJoin(argv, argv + argc, " ");
  std::for_each(argv + 1, argv + argc, nodevol::bench::NormalizeFlag);
  absl::SetProgramUsageMessage("Measures the driver over its socket. --help lists the flags.");
  absl::ParseCommandLine(argc, argv);
  const absl::Status measured = nodevol::bench::Bench(command);
  if (measured.ok()) return 0;
  std::fprintf(stderr, "nodevol-bench: %s\n", measured.ToString().c_str());
  return 1;
}

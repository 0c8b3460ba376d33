// SPDX-License-Identifier: Apache-2.0
#include "bench/cluster_report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/bytes.h"
#include "bench/cluster_bench.h"
#include "bench/statistics.h"
#include "bench/table.h"

namespace nodevol::bench {
namespace {

constexpr char kMethod[] =
    "\n## Many nodes\n\n"
    "One controller, as a process of its own, and %d simulated nodes with %d volumes each in "
    "another: each has its own certificate, its own connection with TLS 1.3 and the driver's own "
    "end of the stream, and memory for its disks. Both processes share this machine's processors, "
    "which real nodes do not: what the nodes take of them while they connect is in the table "
    "(*processor time*), and no more than %d connect at once. They wait between attempts as real "
    "nodes do. *Known* means that they are connected, and that all their volumes, each with its "
    "node, have been listed. Then one client calls the controller over its socket, one call after "
    "the other; a create is at another node each time, as with `WaitForFirstConsumer`, and *added* "
    "is its median less that of a call that goes to no node (%s) and less what such a create takes "
    "when the node's storage is asked directly.\n";

constexpr int64_t kGoalBytes = 300 * kMiB;
constexpr double kGoalSeconds = 10;
constexpr double kGoalMilliseconds = 1;

Summary SummaryOf(const ClusterResult& result, const char* call) {
  const auto found = result.calls.find(call);
  return found == result.calls.end() ? Summary() : Summarize(found->second);
}

std::string Verdict(const std::string& goal, bool reached) {
  return absl::StrCat(goal, reached ? "" : ": **missed**");
}

// Some of the calls take microseconds.
std::string Fine(double milliseconds) { return absl::StrFormat("%.3f", milliseconds); }

std::string Seconds(absl::Duration duration) {
  return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(duration));
}

std::string MemoryRow(const std::string& what, int64_t bytes) {
  return Row({what, ShortBytes(bytes),
              Verdict(absl::StrCat("at most ", ShortBytes(kGoalBytes)), bytes <= kGoalBytes)});
}

std::string LatencyRow(const std::string& what, double milliseconds) {
  return Row({what, absl::StrCat(Number(milliseconds), " ms"),
              Verdict(absl::StrFormat("at most %.0f ms", kGoalMilliseconds),
                      milliseconds <= kGoalMilliseconds)});
}

std::string GoalTable(const ClusterResult& result) {
  const auto median = [&result](const char* call) { return SummaryOf(result, call).median_ms; };
  return absl::StrCat(
      Row({"", "measured", "goal"}), Row({"---", "--:", "---"}),
      MemoryRow("memory of the controller that knows all", result.first.resident_bytes),
      MemoryRow("after the calls", result.worked_resident_bytes),
      MemoryRow("started again, at its peak", result.again.peak_resident_bytes),
      Row({"from the start of a controller that was killed until all are known",
           Seconds(result.again.known),
           Verdict(absl::StrFormat("at most %.0f s", kGoalSeconds),
                   absl::ToDoubleSeconds(result.again.known) <= kGoalSeconds)}),
      LatencyRow("added to a create, median", AddedToCreate(result)),
      LatencyRow(absl::StrCat(kSmallPage, ", median"), median(kSmallPage)),
      LatencyRow(absl::StrCat(kLargePage, ", median"), median(kLargePage)),
      LatencyRow(absl::StrCat(kCapacityOfNode, ", median"), median(kCapacityOfNode)));
}

std::string ArrivalRow(const std::string& what, const Arrival& arrival) {
  return Row({what, Seconds(arrival.connected), Seconds(arrival.known), Seconds(arrival.listing),
              Seconds(arrival.controller_processor), Seconds(arrival.nodes_processor),
              ShortBytes(arrival.resident_bytes), ShortBytes(arrival.peak_resident_bytes)});
}

std::string ArrivalTable(const ClusterResult& result) {
  return absl::StrCat(Row({"all nodes come", "connected after", "known after", "of it the list",
                           "processor time: controller", "nodes", "resident", "at its peak"}),
                      Row({"---", "--:", "--:", "--:", "--:", "--:", "--:", "--:"}),
                      ArrivalRow("for the first time", result.first),
                      ArrivalRow("after the controller was killed and started", result.again));
}

std::string CallTable(const ClusterResult& result) {
  std::string text = absl::StrCat(Row({"call", "median ms", "p95", "p99", "per second"}),
                                  Row({"---", "--:", "--:", "--:", "--:"}));
  for (const char* const call :
       {kCreateAtNode, kBareCall, kCreateInCluster, kDeleteInCluster, kCreateAnywhere, kSmallPage,
        kLargePage, kCapacityOfNode, kCapacityOfAll}) {
    const Summary summary = SummaryOf(result, call);
    absl::StrAppend(&text,
                    Row({call, Fine(summary.median_ms), Fine(summary.p95_ms), Fine(summary.p99_ms),
                         absl::StrFormat("%.0f", summary.per_second)}));
  }
  return text;
}

}  // namespace

double AddedToCreate(const ClusterResult& result) {
  return SummaryOf(result, kCreateInCluster).median_ms - SummaryOf(result, kBareCall).median_ms -
         SummaryOf(result, kCreateAtNode).median_ms;
}

std::string ClusterSection(const std::optional<ClusterResult>& result) {
  if (!result.has_value()) return "";
  const ClusterOptions& options = result->options;
  const int64_t more = result->first.resident_bytes - result->empty_resident_bytes;
  return absl::StrCat(
      absl::StrFormat(kMethod, options.nodes, options.node_volumes, options.dials, kBareCall), "\n",
      GoalTable(*result), "\n", ArrivalTable(*result), "\n", CallTable(*result), "\n",
      absl::StrFormat(
          "- Without any node the controller has %s; each node with its %d volumes costs "
          "it %s more.\n",
          ShortBytes(result->empty_resident_bytes), options.node_volumes,
          ShortBytes(options.nodes > 0 ? more / options.nodes : 0)));
}

}  // namespace nodevol::bench

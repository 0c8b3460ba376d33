// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "bench/block_report.h"
#include "bench/cluster_report.h"
#include "bench/pool_bench.h"
#include "bench/reading.h"
#include "bench/round.h"
#include "bench/statistics.h"
#include "bench/table.h"

namespace nodevol::bench {
namespace {

constexpr char kMethod[] =
    "The numbers are those of one run of the driver's own process, over its unix socket, by %d "
    "clients at once, each with a connection of its own. Two drivers, each on a pool in a file of "
    "its own, take turns: one without volumes (or with some, where the table says so), one with "
    "%d. In each turn the machine's *floor* is measured first, on the same filesystem with as many "
    "threads: mkdir, a file of 1 KiB, fsync, rename, fsync of the directory, which is the least "
    "that anybody must do to make a small object durable. Then %d volumes are made, staged, "
    "published, snapshotted, unpublished, unstaged and deleted, one operation at a time; what the "
    "driver removes in the background is awaited between measurements. *Bare calls* are the system "
    "calls of a create on btrfs, made without a driver. Latencies are in milliseconds; `× floor` "
    "is the ratio of the medians to the floor of the same rounds; *growth* is the median at %d "
    "volumes over that in the other state, with the middle half of the ratios of single rounds.\n";

std::vector<std::string> Cells(const Summary& summary, const Summary& floor) {
  return {Number(summary.median_ms), Number(summary.p95_ms),
          absl::StrFormat("%.0f", summary.per_second),
          Number(floor.median_ms > 0 ? summary.median_ms / floor.median_ms : 0)};
}

std::string OperationRow(const KindResult& kind, const std::string& operation) {
  const std::vector<Phase>& empty = kind.empty.at(operation);
  const std::vector<Phase>& full = kind.full.at(operation);
  std::vector<std::string> cells = {operation};
  for (const std::string& cell : Cells(Summarize(empty), Summarize(kind.empty.at(kFloor)))) {
    cells.push_back(cell);
  }
  for (const std::string& cell : Cells(Summarize(full), Summarize(kind.full.at(kFloor)))) {
    cells.push_back(cell);
  }
  const Comparison growth = Compare(full, empty);
  cells.push_back(absl::StrFormat("%.2f (%.2f to %.2f)", growth.ratio, growth.low, growth.high));
  return Row(cells);
}

std::string KindTable(const KindResult& kind, int few, int volumes) {
  const std::string at_few = absl::StrCat("at ", few, ": ");
  const std::string at = absl::StrCat("at ", volumes, ": ");
  std::string text = absl::StrCat("\n### ", kind.name, "\n\n");
  absl::StrAppend(&text,
                  Row({"operation", at_few + "median", "p95", "per second", "× floor",
                       at + "median", "p95", "per second", "× floor", "growth"}),
                  Row({"---", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:"}));
  for (const std::string& operation : kind.operations) {
    absl::StrAppend(&text, OperationRow(kind, operation));
  }
  return text;
}

std::string CrowdedTable(const PoolResult& pool) {
  const KindResult& kind = pool.kinds.front();
  std::string text = absl::StrFormat("\nThe same with %d of the %d volumes published:\n\n",
                                     pool.published, pool.volumes);
  absl::StrAppend(&text, Row({"operation", "median", "p95", "per second", "to none published"}),
                  Row({"---", "--:", "--:", "--:", "--:"}));
  for (const std::string& operation : kind.operations) {
    const std::vector<Phase>& crowded = kind.crowded.at(operation);
    const Summary summary = Summarize(crowded);
    absl::StrAppend(
        &text, Row({operation, Number(summary.median_ms), Number(summary.p95_ms),
                    absl::StrFormat("%.0f", summary.per_second),
                    absl::StrFormat("%.2f", Compare(crowded, kind.full.at(operation)).ratio)}));
  }
  return text;
}

std::string DriverRow(int volumes, const DriverResult& driver) {
  const auto memory = [](const Footprint& footprint) {
    return absl::StrFormat("%.1f MiB",
                           static_cast<double>(footprint.resident_bytes) / (1024.0 * 1024.0));
  };
  const auto time = [](absl::Duration duration) {
    return absl::StrFormat("%.0f ms", absl::ToDoubleMilliseconds(duration));
  };
  return Row({absl::StrCat(volumes), time(driver.start), time(driver.cold_start),
              memory(driver.started), memory(driver.worked),
              absl::StrCat(driver.started.descriptors), absl::StrCat(driver.worked.descriptors)});
}

std::string PoolSection(const PoolResult& pool) {
  std::string text = absl::StrFormat(
      "\n## Pool on %s\n\n%s%sThe %d other volumes are %s; CreateVolume made them in %.0f s.\n",
      pool.name, pool.mount_words, pool.mount_words.empty() ? "" : " ", pool.volumes,
      pool.fill_words, absl::ToDoubleSeconds(pool.fill));
  for (const KindResult& kind : pool.kinds) {
    absl::StrAppend(&text, KindTable(kind, pool.few, pool.volumes));
  }
  if (pool.published > 0) absl::StrAppend(&text, CrowdedTable(pool));
  absl::StrAppend(&text, "\n### The driver itself\n\n",
                  Row({"volumes", "start", "start, pool not in memory", "resident when started",
                       "resident after the work", "descriptors", "after the work"}),
                  Row({"--:", "--:", "--:", "--:", "--:", "--:", "--:"}),
                  DriverRow(pool.few, pool.empty), DriverRow(pool.volumes, pool.full));
  return text;
}

std::string Header(const RunDescription& run) {
  std::string text = absl::StrCat(
      "# Benchmarks\n\nThis page is the output of a program (`./dev bench`): it is not edited.\n\n",
      Row({"", ""}), Row({"---", "---"}),
      Row({"date", absl::FormatTime("%Y-%m-%d %H:%M UTC", run.date, absl::UTCTimeZone())}),
      Row({"command", absl::StrCat("`", run.command, "`")}),
      Row({"took", absl::StrFormat("%.0f s", absl::ToDoubleSeconds(run.took))}));
  for (const auto& [name, value] : run.machine) absl::StrAppend(&text, Row({name, value}));
  return text;
}

std::string Method(const RunOptions& options) {
  return absl::StrFormat(kMethod, options.clients, options.volumes, VolumesPerRound(options),
                         options.volumes);
}

}  // namespace

std::string Report(const RunDescription& run, const std::vector<PoolResult>& pools,
                   const std::vector<BlockResult>& blocks,
                   const std::optional<ClusterResult>& cluster) {
  std::string text = Header(run);
  if (!pools.empty()) {
    absl::StrAppend(&text, "\n", Method(run.options), "\n## Reading\n\n");
  }
  for (const PoolResult& pool : pools) {
    for (const std::string& line : ReadPool(pool)) absl::StrAppend(&text, "- ", line, "\n");
  }
  for (const PoolResult& pool : pools) absl::StrAppend(&text, PoolSection(pool));
  absl::StrAppend(&text, BlockSection(blocks), ClusterSection(cluster));
  return text;
}

}  // namespace nodevol::bench

// SPDX-License-Identifier: Apache-2.0
#include "bench/block_report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/bytes.h"
#include "bench/statistics.h"
#include "bench/table.h"

namespace nodevol::bench {
namespace {

constexpr char kMethod[] =
    "\n## Blocks of snapshots\n\n"
    "A raw block volume of which so many blocks of 4 KiB are written, evenly spread; a snapshot; "
    "the same blocks written again; another snapshot. *Allocated* is GetMetadataAllocated of the "
    "second, *Delta* is GetMetadataDelta between the two, both by one client over the socket until "
    "the stream has ended, in milliseconds. *By reading* is how long it takes on the same disk to "
    "read the image past the page cache and find the blocks that are not zeros, and to read both "
    "images and compare them; holes cost nothing but the time to fill memory with zeros. Each time "
    "all of the written blocks must be found and no other.\n";

double MedianOf(const Phase& phase) { return Summarize({phase}).median_ms; }

std::string SizeOf(const BlockRow& row) {
  return absl::StrFormat("%d GiB", row.volume_bytes / kGiB);
}

std::string TableRow(const BlockRow& row) {
  std::vector<std::string> cells = {SizeOf(row), absl::StrCat(row.ranges)};
  for (const Phase* const phase : {&row.allocated, &row.delta}) {
    const Summary summary = Summarize({*phase});
    cells.push_back(Number(summary.median_ms));
    cells.push_back(Number(summary.p95_ms));
  }
  cells.push_back(Number(MedianOf(row.read_allocated)));
  cells.push_back(Number(MedianOf(row.read_delta)));
  return Row(cells);
}

std::string Ratio(const Phase& phase, const Phase& base) {
  const double below = MedianOf(base);
  return Number(below > 0 ? MedianOf(phase) / below : 0);
}

std::string CompareSizes(const BlockRow& row, const BlockRow& base) {
  return absl::StrCat("The same ", row.ranges, " ranges in ", SizeOf(row), " instead of ",
                      SizeOf(base), ": Allocated takes ", Ratio(row.allocated, base.allocated),
                      " times as long, Delta ", Ratio(row.delta, base.delta), "; by reading ",
                      Ratio(row.read_allocated, base.read_allocated), " and ",
                      Ratio(row.read_delta, base.read_delta), ".");
}

std::string CompareRanges(const BlockRow& row, const BlockRow& base) {
  return absl::StrCat(row.ranges, " ranges instead of ", base.ranges, " in ", SizeOf(row),
                      ": Allocated takes ", Ratio(row.allocated, base.allocated),
                      " times as long, Delta ", Ratio(row.delta, base.delta), ".");
}

// How much longer reading takes, over all rows.
std::string CompareWithReading(const std::vector<BlockRow>& rows, Phase BlockRow::* read,
                               Phase BlockRow::* asked, const char* name) {
  std::vector<double> ratios;
  for (const BlockRow& row : rows) {
    const double milliseconds = MedianOf(row.*asked);
    ratios.push_back(milliseconds > 0 ? MedianOf(row.*read) / milliseconds : 0);
  }
  return absl::StrCat("Reading takes ", Number(Quantile(ratios, 0)), " to ",
                      Number(Quantile(ratios, 1)), " times as long as ", name, ".");
}

// The one that comes closest below, of those for which `comparable` is true; null when none does.
template <typename Comparable, typename Key>
const BlockRow* Below(const BlockRow& row, const std::vector<BlockRow>& rows, Comparable comparable,
                      Key BlockRow::* key) {
  const BlockRow* below = nullptr;
  for (const BlockRow& other : rows) {
    if (!comparable(other) || other.*key >= row.*key) continue;
    if (below == nullptr || other.*key > below->*key) below = &other;
  }
  return below;
}

}  // namespace

std::vector<std::string> ReadBlocks(const BlockResult& result) {
  const std::vector<BlockRow>& rows = result.rows;
  std::vector<std::string> lines = {
      CompareWithReading(rows, &BlockRow::read_allocated, &BlockRow::allocated, "Allocated"),
      CompareWithReading(rows, &BlockRow::read_delta, &BlockRow::delta, "Delta")};
  for (const BlockRow& row : rows) {
    const BlockRow* const smaller = Below(
        row, rows, [&](const BlockRow& other) { return other.ranges == row.ranges; },
        &BlockRow::volume_bytes);
    if (smaller != nullptr) lines.push_back(CompareSizes(row, *smaller));
    const BlockRow* const fewer = Below(
        row, rows, [&](const BlockRow& other) { return other.volume_bytes == row.volume_bytes; },
        &BlockRow::ranges);
    if (fewer != nullptr) lines.push_back(CompareRanges(row, *fewer));
  }
  return lines;
}

std::string BlockSection(const std::vector<BlockResult>& results) {
  if (results.empty()) return "";
  std::string text = kMethod;
  for (const BlockResult& result : results) {
    absl::StrAppend(&text, "\n### Pool on ", result.pool, "\n\n",
                    Row({"volume", "ranges", "Allocated: median", "p95", "Delta: median", "p95",
                         "by reading: Allocated", "Delta"}),
                    Row({"--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:"}));
    for (const BlockRow& row : result.rows) absl::StrAppend(&text, TableRow(row));
    absl::StrAppend(&text, "\n");
    for (const std::string& line : ReadBlocks(result)) absl::StrAppend(&text, "- ", line, "\n");
  }
  return text;
}

}  // namespace nodevol::bench

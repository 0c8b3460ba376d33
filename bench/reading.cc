// SPDX-License-Identifier: Apache-2.0
#include "bench/reading.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "bench/round.h"

namespace nodevol::bench {
namespace {

// How much more than with no other volumes an operation may cost (docs: "flat").
constexpr double kAllowed = 1.10;

const std::vector<Phase>& Of(const Rounds& rounds, const std::string& operation) {
  static const auto* const none = new std::vector<Phase>;
  const auto found = rounds.find(operation);
  return found == rounds.end() ? *none : found->second;
}

std::string Spread(const Comparison& growth) {
  return absl::StrFormat("%.2f (middle half of the rounds %.2f to %.2f)", growth.ratio, growth.low,
                         growth.high);
}

// The operations that grow, and do so in three rounds of four.
std::vector<std::string> Growing(const KindResult& kind) {
  std::vector<std::string> growing;
  for (const std::string& operation : kind.operations) {
    if (operation == kFloor || operation == kBareCalls) continue;
    const Comparison growth = Compare(Of(kind.full, operation), Of(kind.empty, operation));
    if (growth.ratio <= kAllowed || growth.low <= kAllowed) continue;
    growing.push_back(absl::StrFormat("%s (%.2f)", operation, growth.ratio));
  }
  return growing;
}

// The floor has nothing to do with volumes, at least not with the driver's.
std::string JudgeFloor(const Comparison& floor) {
  std::string text = absl::StrCat("The machine's floor, which knows no volumes, moved by ",
                                  Spread(floor), " in the same rounds");
  const bool steady = floor.ratio <= kAllowed && floor.ratio >= 1 / kAllowed;
  absl::StrAppend(&text, steady
                             ? "."
                             : ": the machine was busy with other things, or the filesystem is "
                               "slower with more in it; the columns \"× floor\" allow for that.");
  return text;
}

// What of the growth is the filesystem's, which is what is left without the driver.
std::string JudgeBareCalls(const KindResult& kind, const Comparison& create) {
  const std::vector<Phase>& with = Of(kind.full, kBareCalls);
  const std::vector<Phase>& without = Of(kind.empty, kBareCalls);
  const Comparison bare = Compare(with, without);
  return absl::StrFormat(
      "The same system calls without a driver, and without looking at anything but their own "
      "directories, moved by %s%s. A create moved by %.2f of that; it takes %.2f of their time in "
      "the full state, %.2f in the other.",
      Spread(bare),
      bare.ratio > kAllowed ? ": their commits write more blocks of the filesystem's trees" : "",
      create.ratio / bare.ratio, Compare(Of(kind.full, kCreate), with).ratio,
      Compare(Of(kind.empty, kCreate), without).ratio);
}

double Mebibytes(int64_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

}  // namespace

std::string JudgeGrowth(const Comparison& growth) {
  if (growth.ratio <= kAllowed && growth.high <= kAllowed) return "within 10 %";
  if (growth.ratio <= kAllowed) {
    return "within 10 %, though the rounds differ by more than that";
  }
  if (growth.low > kAllowed) return "**more than 10 %**";
  return "more than 10 %, but the rounds differ too much to be sure";
}

std::vector<std::string> ReadKind(const KindResult& kind, int few, int volumes) {
  const Comparison create = Compare(Of(kind.full, kCreate), Of(kind.empty, kCreate));
  const Comparison floor = Compare(Of(kind.full, kFloor), Of(kind.empty, kFloor));
  std::vector<std::string> lines = {
      absl::StrFormat("**%s**: a create with %d other volumes takes, next to one %s, %s: %s. %s",
                      kind.name, volumes, few == 0 ? "without" : absl::StrCat("with ", few),
                      Spread(create), JudgeGrowth(create), JudgeFloor(floor))};
  if (kind.full.contains(kBareCalls)) lines.push_back(JudgeBareCalls(kind, create));
  const std::vector<std::string> growing = Growing(kind);
  lines.push_back(growing.empty()
                      ? "No operation grew by more than 10 % in three rounds of four."
                      : absl::StrCat("Grew by more than 10 % in at least three rounds of four: ",
                                     absl::StrJoin(growing, ", "), "."));
  return lines;
}

std::vector<std::string> ReadPool(const PoolResult& pool) {
  std::vector<std::string> lines;
  for (const KindResult& kind : pool.kinds) {
    for (std::string& line : ReadKind(kind, pool.few, pool.volumes))
      lines.push_back(std::move(line));
  }
  if (pool.published > 0) {
    const KindResult& kind = pool.kinds.front();
    const Comparison publish =
        Compare(Of(kind.crowded, kStageAndPublish), Of(kind.full, kStageAndPublish));
    const Comparison floor = Compare(Of(kind.crowded, kFloor), Of(kind.full, kFloor));
    lines.push_back(absl::StrFormat(
        "With %d of those volumes published, stage + publish takes %.2f of what it takes with "
        "none; "
        "the floor moved by %.2f. These rounds came after the others, not in turns with them.",
        pool.published, publish.ratio, floor.ratio));
  }
  const int volumes = pool.volumes - pool.few;
  const int64_t more = pool.full.started.resident_bytes - pool.empty.started.resident_bytes;
  lines.push_back(absl::StrFormat(
      "%d more volumes cost the driver %.1f MiB of memory (%.1f KiB each) and %.0f ms of its start "
      "when nothing of the pool is in memory; it has %d descriptors open with them, %d without.",
      volumes, Mebibytes(more), volumes > 0 ? static_cast<double>(more) / 1024.0 / volumes : 0.0,
      absl::ToDoubleMilliseconds(pool.full.cold_start - pool.empty.cold_start),
      pool.full.worked.descriptors, pool.empty.worked.descriptors));
  return lines;
}

}  // namespace nodevol::bench

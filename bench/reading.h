// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_READING_H_
#define NODEVOL_BENCH_READING_H_

#include <string>
#include <vector>

#include "bench/results.h"
#include "bench/statistics.h"

namespace nodevol::bench {

// What the numbers mean, in sentences made from the numbers alone: whatever a run shows, the text
// says.

// Whether something that may grow by a tenth did, as far as the noise lets one tell.
std::string JudgeGrowth(const Comparison& growth);
// A list item for each thing that is worth saying of a kind next to `few` and next to `volumes`
// others.
std::vector<std::string> ReadKind(const KindResult& kind, int few, int volumes);
std::vector<std::string> ReadPool(const PoolResult& pool);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_READING_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_BLOCK_REPORT_H_
#define NODEVOL_BENCH_BLOCK_REPORT_H_

#include <string>
#include <vector>

#include "bench/results.h"

namespace nodevol::bench {

// What the figures of a pool show, made of them alone.
std::vector<std::string> ReadBlocks(const BlockResult& result);

// The section about the blocks of snapshots.
std::string BlockSection(const std::vector<BlockResult>& results);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_BLOCK_REPORT_H_

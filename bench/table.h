// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_TABLE_H_
#define NODEVOL_BENCH_TABLE_H_

#include <string>
#include <vector>

// Markdown.
namespace nodevol::bench {

std::string Row(const std::vector<std::string>& cells);

// With three digits: more than the noise leaves.
std::string Number(double value);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_TABLE_H_

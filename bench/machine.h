// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_MACHINE_H_
#define NODEVOL_BENCH_MACHINE_H_

#include <string>
#include <utility>
#include <vector>

namespace nodevol::bench {

// What the numbers depend on, as name and description; "unknown" for what can't be found out.
// `disk_directory` is where the pools' files are.
std::vector<std::pair<std::string, std::string>> DescribeMachine(const std::string& disk_directory);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_MACHINE_H_

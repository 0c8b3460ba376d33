// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_OPTIONS_H_
#define NODEVOL_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "base/log.h"
#include "storage/pool.h"

namespace nodevol {

enum class Role { kAll, kNode };

// The command line, understood and checked.
struct Options {
  std::string socket_path;
  std::string admin_socket_path;  // "" for none
  // Named on the command line: it must be served.
  bool admin_socket_named = false;
  Role role = Role::kAll;
  std::string node_id;
  std::string driver_name;
  std::vector<storage::PoolOptions> pools;
  // Where static volumes may be: normal paths.
  std::vector<std::string> static_paths;
  std::string metrics_address;  // "" for none
  bool health = false;
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;
};

// Reads the flags. Ends the process for --help, --version and flags that do not exist.
// INVALID_ARGUMENT names every mistake, with its value and what to write instead.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

}  // namespace nodevol

#endif  // NODEVOL_OPTIONS_H_

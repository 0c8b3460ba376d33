// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_APP_H_
#define NODEVOL_APP_H_

#include <memory>

#include "absl/status/statusor.h"

#include "options.h"

namespace nodevol {

// Everything that lives between start and stop.
class App {
 public:
  virtual ~App() = default;

  // Accepts nothing new, finishes what runs, and ends.
  virtual void Stop() = 0;
};

// For --role=all and --role=node: pools, and what is done in them. An error says why there is
// nothing to serve.
absl::StatusOr<std::unique_ptr<App>> StartNode(const Options& options);
// For --role=controller: no disks, but nodes that connect.
absl::StatusOr<std::unique_ptr<App>> StartController(const Options& options);

}  // namespace nodevol

#endif  // NODEVOL_APP_H_

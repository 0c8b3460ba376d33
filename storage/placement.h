// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_PLACEMENT_H_
#define NODEVOL_STORAGE_PLACEMENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "storage/engine.h"

namespace nodevol::storage {

// What one pool says to a volume that is to be made.
struct PoolVerdict {
  std::string pool;
  // False where the request wants another pool: it names one, or its source is there.
  bool asked_for = true;
  std::shared_ptr<Engine> engine;  // null when the pool was never open
  v1::VolumeRecord outline;        // what the volume would be there: its size, content, attributes
  int64_t available_bytes = 0;
  // OK when it can be made there. INVALID_ARGUMENT or OUT_OF_RANGE when it can't be whatever the
  // room; RESOURCE_EXHAUSTED, UNAVAILABLE or FAILED_PRECONDITION otherwise.
  absl::Status status;
};
// Where the volume goes: of the pools that can, the one with most room. Null when none can.
PoolVerdict* BestOf(std::vector<PoolVerdict>& verdicts);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_PLACEMENT_H_

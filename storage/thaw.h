// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_THAW_H_
#define NODEVOL_STORAGE_THAW_H_

#include "storage/pool.h"

namespace nodevol::storage {

// Thaws the filesystems in the pool's images, wherever they are mounted. A freeze for a group
// snapshot ends with its process or its guard (host/freeze_guard.h); where both were killed at
// once, it ends here. What can't be looked at is left, with a line in the log.
void ThawVolumes(const Pool& pool);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_THAW_H_

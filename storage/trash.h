// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_TRASH_H_
#define NODEVOL_STORAGE_TRASH_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "storage/pool.h"

// Deleting an object is one rename into trash/; what is there is removed in the background.
namespace nodevol::storage {

// Moves object `name` of `parent` (volumes or snapshots) to the trash, durably. On a full disk the
// pool's reserve is given up for it. errno ENOENT when there is no such object.
absl::Status MoveToTrash(Pool& pool, int parent, absl::string_view name);

// Removes everything in the trash. What can't be removed stays for the next call; its error is the
// answer. One caller at a time.
absl::Status EmptyTrash(Pool& pool);

// Removes everything in staging/: at start, before the first operation.
absl::Status EmptyStaging(Pool& pool);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_TRASH_H_

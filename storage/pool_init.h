// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_POOL_INIT_H_
#define NODEVOL_STORAGE_POOL_INIT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "proto/storage.pb.h"

namespace nodevol::storage {

// Prepares the empty directory `root` (open for reading) as a pool: its directories, simple quotas
// on btrfs where the kernel has them, and last, as the commit, its marker. Interrupted anywhere it
// can be done again. FAILED_PRECONDITION when the directory has content that is not a pool's.
absl::Status PreparePool(int root);

// The pool's marker; nullopt when the directory is no pool.
absl::StatusOr<std::optional<v1::PoolMarker>> ReadPoolMarker(int root);
// The same of the directory at the path.
absl::StatusOr<std::optional<v1::PoolMarker>> ReadPoolMarker(const std::string& path);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_POOL_INIT_H_

// SPDX-License-Identifier: Apache-2.0
//
// Whether a directory of the node has to do with a pool.
#include <algorithm>
#include <memory>

#include "base/path.h"
#include "base/status_macros.h"
#include "host/ancestors.h"
#include "storage/local_storage.h"

namespace nodevol::storage {

bool LocalStorage::IsInPool(absl::string_view path) const {
  return std::any_of(keepers_.begin(), keepers_.end(), [path](const auto& keeper) {
    const std::shared_ptr<Engine> engine = keeper->engine();
    return IsPathWithin(path, engine != nullptr ? engine->pool().path() : keeper->path());
  });
}

absl::StatusOr<bool> LocalStorage::IsInPool(int directory, absl::string_view path) const {
  if (IsInPool(path)) return true;
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    ASSIGN_OR_RETURN(const bool within, host::IsWithin(directory, engine->pool().identity()));
    if (within) return true;
  }
  return false;
}

absl::StatusOr<bool> LocalStorage::OverlapsPool(int directory, absl::string_view path) const {
  ASSIGN_OR_RETURN(const bool in_pool, IsInPool(directory, path));
  if (in_pool) return true;
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(directory));
  for (const std::shared_ptr<Engine>& engine : Engines()) {
    const Pool& pool = engine->pool();
    if (IsPathWithin(pool.path(), path)) return true;
    // A disk that has failed can't say where it is; its path was compared.
    const absl::StatusOr<bool> within = host::IsWithin(pool.root(), info);
    if (within.ok() && *within) return true;
  }
  return false;
}

}  // namespace nodevol::storage

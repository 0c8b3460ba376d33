// SPDX-License-Identifier: Apache-2.0
#include "storage/trash.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/object_removal.h"

namespace nodevol::storage {
namespace {

absl::Status RemoveOne(Pool& pool, int directory, absl::string_view name) {
  absl::Status removed = RemoveObject(directory, name);
  if (IsOutOfSpace(removed)) {
    RETURN_IF_ERROR(pool.reserve().GiveUp());
    removed = RemoveObject(directory, name);
  }
  return Annotate(removed, absl::StrCat("remove ", name));
}

absl::Status RemoveAllIn(Pool& pool, int directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(directory));
  absl::Status first_error;
  for (const std::string& name : names) first_error.Update(RemoveOne(pool, directory, name));
  return first_error;
}

}  // namespace

absl::Status MoveToTrash(Pool& pool, int parent, absl::string_view name) {
  // An id may be deleted, made again and deleted again before the first is gone.
  const std::string trash_name = absl::StrCat(name, ".", RandomHex(8));
  absl::Status moved = host::RenameNoReplace(parent, name, pool.trash(), trash_name);
  if (IsOutOfSpace(moved)) {
    log::Warn("the pool is full: its reserve is given up for a delete", {{"pool", pool.name()}});
    RETURN_IF_ERROR(pool.reserve().GiveUp());
    moved = host::RenameNoReplace(parent, name, pool.trash(), trash_name);
  }
  RETURN_IF_ERROR(moved);
  RETURN_IF_ERROR(pool.SyncOrFault(parent));
  return pool.SyncOrFault(pool.trash());
}

absl::Status EmptyTrash(Pool& pool) { return RemoveAllIn(pool, pool.trash()); }

absl::Status EmptyStaging(Pool& pool) { return RemoveAllIn(pool, pool.staging()); }

}  // namespace nodevol::storage

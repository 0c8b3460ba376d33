// SPDX-License-Identifier: Apache-2.0
#include "storage/staged_object.h"

#include "base/log.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/layout.h"
#include "storage/object_removal.h"

namespace nodevol::storage {

absl::StatusOr<StagedObject> StagedObject::Create(Pool& pool) {
  StagedObject staged(&pool, RandomHex(16));
  RETURN_IF_ERROR(host::MakeDirectory(pool.staging(), staged.name_, kDirectoryMode));
  ASSIGN_OR_RETURN(staged.directory_, host::OpenDirectory(pool.staging(), staged.name_));
  return staged;
}

StagedObject::~StagedObject() {
  if (pool_ == nullptr) return;
  directory_.reset();
  const absl::Status removed = RemoveObject(pool_->staging(), name_);
  if (removed.ok()) return;
  // The reaper tries again. A rename needs no descriptor, which may be what was missing.
  const absl::Status moved = host::RenameNoReplace(pool_->staging(), name_, pool_->trash(), name_);
  log::Warn(moved.ok() ? "an unfinished object can't be removed now; it is in the trash"
                       : "an unfinished object stays in staging until the next start",
            {{"pool", pool_->name()}, {"entry", name_}, {"error", removed}});
}

absl::Status StagedObject::Commit(int parent, absl::string_view name) {
  RETURN_IF_ERROR(host::Sync(directory_.get()));
  RETURN_IF_ERROR(host::RenameNoReplace(pool_->staging(), name_, parent, name));
  Pool* const pool = std::exchange(pool_, nullptr);
  RETURN_IF_ERROR(pool->SyncOrFault(parent));
  return pool->SyncOrFault(pool->staging());
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
//
// The blocks of snapshots, as LocalStorage finds them.
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/extents.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "storage/changed_blocks.h"
#include "storage/image_backend.h"
#include "storage/local_storage.h"

namespace nodevol::storage {
namespace {

// In one call of the kernel: so many that the call costs little beside them, and few beside the
// ranges of a page, because those behind its end are read in vain.
constexpr size_t kExtentsPerRead = 512;

absl::Status CheckHasBlocks(const v1::SnapshotRecord& snapshot) {
  if (snapshot.has_image()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("snapshot ", snapshot.id(),
                   " is one of a directory, which has files and no blocks; back its files up, or "
                   "use volumes with backend image"));
}

absl::Status CheckKnowsChanges(const Pool& pool) {
  if (pool.reflink()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "pool \"", pool.name(), "\" is on ", host::FilesystemName(pool.filesystem()),
      ", where snapshots share no blocks, so what has changed is not known; do a full backup (the "
      "allocated blocks are known), or keep such volumes in a pool on xfs (with reflink) or "
      "btrfs"));
}

// Whether the snapshot is still the one that the caller means: a new one of its name has its id.
absl::Status CheckStillThere(Engine& engine, const v1::SnapshotRecord& snapshot) {
  ASSIGN_OR_RETURN(const SnapshotPtr now, engine.snapshots().Find(snapshot.id()));
  if (now->created().seconds() == snapshot.created().seconds() &&
      now->created().nanos() == snapshot.created().nanos()) {
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat(
      "snapshot ", snapshot.id(), " was deleted, and another made under its name; begin anew"));
}

// The image of a snapshot. It stays as it is while it is open, also when the snapshot is deleted.
absl::StatusOr<UniqueFd> OpenSnapshotImage(Engine& engine, const v1::SnapshotRecord& snapshot) {
  ASSIGN_OR_RETURN(const UniqueFd object,
                   host::OpenDirectory(engine.pool().snapshots(), snapshot.id()));
  ASSIGN_OR_RETURN(UniqueFd image, OpenImage(object.get(), O_RDONLY));
  // Only now: what was opened is the one that is there, or was until a moment ago.
  RETURN_IF_ERROR(CheckStillThere(engine, snapshot));
  return image;
}

absl::StatusOr<BlockPage> ReadPage(const OperationContext& context, const BlockQuery& query,
                                   int base, int target) {
  const BlockScan scan = {.begin = query.offset,
                          .end = query.target->size_bytes(),
                          .limit = query.limit,
                          .abandoned = context.abandoned};
  const auto map_of = [](int image) {
    return [image](int64_t begin, int64_t end) {
      return host::ReadExtentMap(image, begin, end, kExtentsPerRead);
    };
  };
  if (query.base == nullptr) return AllocatedBlocks(map_of(target), scan);
  return ChangedBlocks(map_of(base), query.base->size_bytes(), map_of(target), scan);
}

}  // namespace

void LocalStorage::ListBlocks(const OperationContext& context, const BlockQuery& query,
                              Callback<BlockPage> done) {
  const absl::StatusOr<std::shared_ptr<Engine>> engine = CheckBlockQuery(query);
  if (!engine.ok()) {
    std::move(done)(engine.status());
    return;
  }
  // Without the snapshots' locks: while a backup reads, they may be restored from, and deleted.
  Post<BlockPage>((*engine)->bulk(), {},
                  [this, e = engine->get(), context, query]() -> absl::StatusOr<BlockPage> {
                    RETURN_IF_ERROR(e->pool().Check());
                    UniqueFd base;
                    if (query.base != nullptr) {
                      absl::StatusOr<UniqueFd> opened = OpenSnapshotImage(*e, *query.base);
                      if (!opened.ok()) return WhyGone(*e, *query.base, opened.status());
                      base = *std::move(opened);
                    }
                    const absl::StatusOr<UniqueFd> target = OpenSnapshotImage(*e, *query.target);
                    if (!target.ok()) return WhyGone(*e, *query.target, target.status());
                    return ReadPage(context, query, base.get(), target->get());
                  },
                  std::move(done));
}

absl::Status LocalStorage::WhyGone(Engine& engine, const v1::SnapshotRecord& snapshot,
                                   const absl::Status& error) {
  const std::optional<SnapshotId> id = SnapshotId::Parse(snapshot.id());
  if (ErrnoOf(error) != ENOENT || !id.has_value()) return error;
  Locks locks;
  RETURN_IF_ERROR(Lock(id->name_hash(), id->text(), locks));
  RETURN_IF_ERROR(CheckStillThere(engine, snapshot));
  return error;
}

absl::StatusOr<std::shared_ptr<Engine>> LocalStorage::CheckBlockQuery(
    const BlockQuery& query) const {
  const std::optional<SnapshotId> target = SnapshotId::Parse(query.target->id());
  if (!target.has_value()) return absl::NotFoundError("no such snapshot");
  ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, WorkingEngineOf(*target));
  RETURN_IF_ERROR(CheckHasBlocks(*query.target));
  if (query.base == nullptr) return engine;
  const std::optional<SnapshotId> base = SnapshotId::Parse(query.base->id());
  // Addresses of another filesystem say nothing here.
  if (!base.has_value() || base->pool_uuid() != target->pool_uuid()) {
    return absl::InvalidArgumentError(absl::StrCat("snapshots ", query.base->id(), " and ",
                                                   query.target->id(), " are in different pools"));
  }
  RETURN_IF_ERROR(CheckHasBlocks(*query.base));
  RETURN_IF_ERROR(CheckKnowsChanges(engine->pool()));
  return engine;
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_TRASH_H_
#define NODEVOL_STORAGE_TRASH_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "storage/pool.h"

// Deleting an object is one rename into trash/; what is there is removed in the background, or,
// with a time in its name, not before that.
namespace nodevol::storage {

// "ID.NONCE", or for what can be had back "ID.NONCE.DELETED.UNTIL", both in milliseconds since
// 1970.
struct TrashName {
  std::string id;
  // An id may be deleted, made again and deleted again before the first is gone.
  std::string nonce;
  struct Kept {
    absl::Time deleted;
    absl::Time until;
  };
  std::optional<Kept> kept;

  static TrashName ForObject(absl::string_view id);
  // nullopt for what is no such name.
  static std::optional<TrashName> Parse(absl::string_view name);
  [[nodiscard]] std::string Text() const;
};

// Moves object `name.id` of `parent` (volumes or snapshots) to the trash, durably. On a full disk
// the pool's reserve is given up for it. errno ENOENT when there is no such object.
absl::Status MoveToTrash(Pool& pool, int parent, const TrashName& name);

// Makes what was to be kept something that is removed: in one step, so that a crash in the middle
// of the removal leaves nothing that looks whole. Returns its new name.
absl::StatusOr<std::string> GiveUpKept(Pool& pool, TrashName name);

// Removes an object that is in the trash.
absl::Status RemoveFromTrash(Pool& pool, absl::string_view name);

// Removes everything in the trash but what is kept until later than `now`. What can't be removed
// stays for the next call; its error is the answer. One caller at a time.
absl::Status EmptyTrash(Pool& pool, absl::Time now);

// Removes everything in staging/: at start, before the first operation.
absl::Status EmptyStaging(Pool& pool);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_TRASH_H_

// SPDX-License-Identifier: Apache-2.0
#include "storage/trash.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

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

std::optional<absl::Time> ParseTime(absl::string_view text) {
  int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(text, &milliseconds)) return std::nullopt;
  return absl::FromUnixMillis(milliseconds);
}

}  // namespace

TrashName TrashName::ForObject(absl::string_view id) {
  return {.id = std::string(id), .nonce = RandomHex(8), .kept = std::nullopt};
}

std::optional<TrashName> TrashName::Parse(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '.');
  if (parts.size() != 3 && parts.size() != 5) return std::nullopt;
  TrashName parsed = {.id = absl::StrCat(parts[0], ".", parts[1]),
                      .nonce = std::string(parts[2]),
                      .kept = std::nullopt};
  if (parts.size() == 3) return parsed;
  const std::optional<absl::Time> deleted = ParseTime(parts[3]);
  const std::optional<absl::Time> until = ParseTime(parts[4]);
  if (!deleted.has_value() || !until.has_value()) return std::nullopt;
  parsed.kept = Kept{*deleted, *until};
  return parsed;
}

std::string TrashName::Text() const {
  std::string text = absl::StrCat(id, ".", nonce);
  if (kept.has_value()) {
    absl::StrAppend(&text, ".", absl::ToUnixMillis(kept->deleted), ".",
                    absl::ToUnixMillis(kept->until));
  }
  return text;
}

absl::Status MoveToTrash(Pool& pool, int parent, const TrashName& name) {
  const std::string text = name.Text();
  absl::Status moved = host::RenameNoReplace(parent, name.id, pool.trash(), text);
  if (IsOutOfSpace(moved)) {
    log::Warn("the pool is full: its reserve is given up for a delete", {{"pool", pool.name()}});
    RETURN_IF_ERROR(pool.reserve().GiveUp());
    moved = host::RenameNoReplace(parent, name.id, pool.trash(), text);
  }
  RETURN_IF_ERROR(moved);
  RETURN_IF_ERROR(pool.SyncOrFault(parent));
  return pool.SyncOrFault(pool.trash());
}

absl::StatusOr<std::string> GiveUpKept(Pool& pool, TrashName name) {
  const std::string before = name.Text();
  name.kept.reset();
  std::string after = name.Text();
  RETURN_IF_ERROR(host::RenameNoReplace(pool.trash(), before, pool.trash(), after));
  return after;
}

absl::Status RemoveFromTrash(Pool& pool, absl::string_view name) {
  return RemoveOne(pool, pool.trash(), name);
}

absl::Status EmptyTrash(Pool& pool, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<std::string> entries, host::ListDirectory(pool.trash()));
  absl::Status first_error;
  for (std::string entry : entries) {
    std::optional<TrashName> name = TrashName::Parse(entry);
    if (name.has_value() && name->kept.has_value()) {
      if (name->kept->until > now) continue;
      absl::StatusOr<std::string> given_up = GiveUpKept(pool, *std::move(name));
      first_error.Update(given_up.status());
      if (!given_up.ok()) continue;
      entry = *std::move(given_up);
    }
    first_error.Update(RemoveFromTrash(pool, entry));
  }
  return first_error;
}

absl::Status EmptyStaging(Pool& pool) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(pool.staging()));
  absl::Status first_error;
  for (const std::string& name : names) first_error.Update(RemoveOne(pool, pool.staging(), name));
  return first_error;
}

}  // namespace nodevol::storage

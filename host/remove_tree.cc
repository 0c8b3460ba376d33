// SPDX-License-Identifier: Apache-2.0
#include "host/remove_tree.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/tree_cursor.h"

namespace nodevol::host {
namespace {

// Unlinks what is no directory. Returns true when `name` is a directory that must be entered.
absl::StatusOr<bool> UnlinkUnlessDirectory(int directory, const std::string& name) {
  const absl::Status removed = RemoveFile(directory, name);
  if (removed.ok() || ErrnoOf(removed) == ENOENT) return false;
  if (ErrnoOf(removed) == EISDIR) return true;
  return removed;
}

// A directory that is being emptied.
struct Level {
  std::string name;       // in the level above
  bool progress = false;  // something in it was removed
};

absl::Status Enter(TreeCursor& cursor, std::vector<Level>& levels, const std::string& name) {
  const absl::Status entered = cursor.Enter(name);
  if (absl::IsFailedPrecondition(entered)) {
    return absl::FailedPreconditionError(
        absl::StrCat("will not remove ", name, ": something is mounted on it; unmount it first"));
  }
  if (entered.ok()) levels.push_back({.name = name});
  return entered;
}

}  // namespace

absl::Status RemoveTree(int directory, absl::string_view name) {
  const std::string top(name);
  ASSIGN_OR_RETURN(const bool is_directory, UnlinkUnlessDirectory(directory, top));
  if (!is_directory) return absl::OkStatus();
  ASSIGN_OR_RETURN(TreeCursor cursor, TreeCursor::Start(directory));
  std::vector<Level> levels;
  RETURN_IF_ERROR(Enter(cursor, levels, top));
  while (!levels.empty()) {
    ASSIGN_OR_RETURN(const std::optional<std::string> child, cursor.Next());
    if (child.has_value()) {
      ASSIGN_OR_RETURN(const bool enter, UnlinkUnlessDirectory(cursor.directory(), *child));
      levels.back().progress |= !enter;
      if (enter) RETURN_IF_ERROR(Enter(cursor, levels, *child));
      continue;
    }
    RETURN_IF_ERROR(cursor.Leave());
    const Level left = std::move(levels.back());
    levels.pop_back();
    const absl::Status removed = RemoveDirectory(cursor.directory(), left.name);
    if (ErrnoOf(removed) == ENOTEMPTY && left.progress) {
      // Removing names may hide others from whoever reads on: it is read anew.
      RETURN_IF_ERROR(Enter(cursor, levels, left.name));
      continue;
    }
    RETURN_IF_ERROR(removed);
    if (!levels.empty()) levels.back().progress = true;
  }
  return absl::OkStatus();
}

}  // namespace nodevol::host

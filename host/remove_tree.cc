// SPDX-License-Identifier: Apache-2.0
#include "host/remove_tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"

namespace nodevol::host {
namespace {

// One descriptor a level: deeper directories are first moved up, so that no tree, however deep,
// exhausts them.
constexpr size_t kMaxOpenLevels = 64;

// A directory that is being emptied.
struct Level {
  UniqueFd directory;
  std::string name;                // its name in the level above
  std::vector<std::string> names;  // what is still in it
};

absl::StatusOr<Level> Enter(int parent, const std::string& name, const FileInfo& top) {
  ASSIGN_OR_RETURN(UniqueFd directory, OpenDirectory(parent, name));
  ASSIGN_OR_RETURN(const FileInfo info, Inspect(directory.get()));
  if (info.mount_root || info.device != top.device) {
    return absl::FailedPreconditionError(
        absl::StrCat("will not remove ", name, ": something is mounted on it; unmount it first"));
  }
  ASSIGN_OR_RETURN(std::vector<std::string> names, ListDirectory(directory.get()));
  return Level{std::move(directory), name, std::move(names)};
}

// Unlinks what is no directory. Returns true when `name` is a directory that must be entered.
absl::StatusOr<bool> UnlinkUnlessDirectory(int directory, const std::string& name) {
  const absl::Status removed = RemoveFile(directory, name);
  if (removed.ok() || ErrnoOf(removed) == ENOENT) return false;
  if (ErrnoOf(removed) == EISDIR) return true;
  return removed;
}

}  // namespace

absl::Status RemoveTree(int directory, absl::string_view name) {
  const std::string top_name(name);
  ASSIGN_OR_RETURN(const bool is_directory, UnlinkUnlessDirectory(directory, top_name));
  if (!is_directory) return absl::OkStatus();
  ASSIGN_OR_RETURN(const FileInfo top, InspectAt(directory, top_name));
  std::vector<Level> levels;
  uint64_t moved_up = 0;
  ASSIGN_OR_RETURN(Level first, Enter(directory, top_name, top));
  levels.push_back(std::move(first));
  while (!levels.empty()) {
    Level& level = levels.back();
    if (level.names.empty()) {
      const std::string finished = level.name;
      levels.pop_back();
      const int parent = levels.empty() ? directory : levels.back().directory.get();
      RETURN_IF_ERROR(RemoveDirectory(parent, finished));
      continue;
    }
    const std::string child = std::move(level.names.back());
    level.names.pop_back();
    ASSIGN_OR_RETURN(const bool enter, UnlinkUnlessDirectory(level.directory.get(), child));
    if (!enter) continue;
    if (levels.size() >= kMaxOpenLevels) {
      // A name is taken when an interrupted removal left it, or the tree's owner chose it.
      const int top_directory = levels.front().directory.get();
      std::string moved;
      absl::Status renamed;
      do {
        moved = absl::StrCat(".nodevol-deep-", moved_up++);
        renamed = RenameNoReplace(level.directory.get(), child, top_directory, moved);
      } while (ErrnoOf(renamed) == EEXIST);
      RETURN_IF_ERROR(renamed);
      levels.front().names.push_back(moved);
      continue;
    }
    ASSIGN_OR_RETURN(Level next, Enter(level.directory.get(), child, top));
    levels.push_back(std::move(next));
  }
  return absl::OkStatus();
}

}  // namespace nodevol::host

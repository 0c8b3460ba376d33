// SPDX-License-Identifier: Apache-2.0
#include "host/tree_cursor.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::host {
namespace {

constexpr size_t kMaxOpenLevels = 64;
constexpr size_t kReadBytes = size_t{16} * 1024;
// Looking is no use: a copied or checked file keeps its access time.
constexpr int kOpenFlags = O_RDONLY | O_DIRECTORY | O_NOATIME;

absl::StatusOr<UniqueFd> OpenParent(int directory) {
  // OpenBeneath refuses to go up; the caller checks where this led.
  UniqueFd parent(::openat(directory, "..", kOpenFlags | O_CLOEXEC));
  if (!parent.valid()) return ErrnoStatus(errno, "open the parent directory");
  return parent;
}

}  // namespace

absl::StatusOr<TreeCursor> TreeCursor::Start(int top) {
  Level level;
  ASSIGN_OR_RETURN(level.directory, OpenBeneath(top, ".", kOpenFlags));
  ASSIGN_OR_RETURN(level.info, Inspect(level.directory.get()));
  return TreeCursor(std::move(level));
}

absl::Status TreeCursor::ReadAhead(Level& level) {
  alignas(dirent64) std::array<char, kReadBytes> buffer;
  if (::lseek(level.directory.get(), level.position, SEEK_SET) < 0) {
    return ErrnoStatus(errno, "seek in a directory");
  }
  const ssize_t got = ::getdents64(level.directory.get(), buffer.data(), buffer.size());
  if (got < 0) return ErrnoStatus(errno, "read a directory");
  level.at_end = got == 0;
  for (ssize_t offset = 0; offset < got;) {
    const char* const raw = buffer.data() + offset;
    dirent64 entry = {};
    std::memcpy(&entry, raw, offsetof(dirent64, d_name));
    const absl::string_view name = raw + offsetof(dirent64, d_name);
    if (name != "." && name != "..") level.ahead.push_back({std::string(name), entry.d_off});
    level.position = entry.d_off;
    offset += entry.d_reclen;
  }
  std::reverse(level.ahead.begin(), level.ahead.end());
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> TreeCursor::Next() {
  Level& level = levels_.back();
  while (level.ahead.empty()) {
    if (level.at_end) return std::optional<std::string>();
    RETURN_IF_ERROR(ReadAhead(level));
  }
  Entry entry = std::move(level.ahead.back());
  level.ahead.pop_back();
  level.position = entry.position_after;
  return std::optional<std::string>(std::move(entry.name));
}

absl::Status TreeCursor::Enter(const std::string& name) {
  Level next;
  ASSIGN_OR_RETURN(next.directory, OpenBeneath(directory(), name, kOpenFlags));
  ASSIGN_OR_RETURN(next.info, Inspect(next.directory.get()));
  if (next.info.mount_root || next.info.device != levels_.front().info.device) {
    return absl::FailedPreconditionError(
        "something is mounted on a directory of the volume; unmount it first");
  }
  levels_.push_back(std::move(next));
  if (levels_.size() <= kMaxOpenLevels) return absl::OkStatus();
  Level& distant = levels_[levels_.size() - 1 - kMaxOpenLevels];
  distant.directory.reset();
  distant.ahead = {};
  distant.at_end = false;
  return absl::OkStatus();
}

absl::Status TreeCursor::Leave() {
  const Level left = std::move(levels_.back());
  levels_.pop_back();
  Level& level = levels_.back();
  if (level.directory.valid()) return absl::OkStatus();
  ASSIGN_OR_RETURN(level.directory, OpenParent(left.directory.get()));
  ASSIGN_OR_RETURN(const FileInfo info, Inspect(level.directory.get()));
  if (!info.SameFileAs(level.info)) {
    return absl::AbortedError("a directory was moved while its tree was walked");
  }
  return absl::OkStatus();
}

}  // namespace nodevol::host

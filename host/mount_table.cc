// SPDX-License-Identifier: Apache-2.0
#include "host/mount_table.h"

#include <sys/mount.h>

#include <cerrno>
#include <memory>

#include "absl/strings/strip.h"
#include "libmount/libmount.h"

#include "base/errno_status.h"

namespace nodevol::host {
namespace {

std::string OrEmpty(const char* text) { return text == nullptr ? "" : text; }

bool IsShared(libmnt_fs* line) {
  unsigned long propagation = 0;
  return mnt_fs_get_propagation(line, &propagation) == 0 && (propagation & MS_SHARED) != 0;
}

}  // namespace

absl::StatusOr<std::vector<MountEntry>> ReadMountTable() {
  const std::unique_ptr<libmnt_table, void (*)(libmnt_table*)> table(mnt_new_table(),
                                                                     mnt_unref_table);
  if (table == nullptr) return ErrnoStatus(ENOMEM, "read the mount table");
  if (const int error = mnt_table_parse_file(table.get(), "/proc/self/mountinfo"); error != 0) {
    return ErrnoStatus(error < 0 ? -error : EIO, "read /proc/self/mountinfo");
  }
  const std::unique_ptr<libmnt_iter, void (*)(libmnt_iter*)> iterator(
      mnt_new_iter(MNT_ITER_FORWARD), mnt_free_iter);
  if (iterator == nullptr) return ErrnoStatus(ENOMEM, "read the mount table");
  std::vector<MountEntry> entries;
  libmnt_fs* line = nullptr;
  while (mnt_table_next_fs(table.get(), iterator.get(), &line) == 0) {
    entries.push_back({mnt_fs_get_devno(line), OrEmpty(mnt_fs_get_root(line)),
                       OrEmpty(mnt_fs_get_target(line)), OrEmpty(mnt_fs_get_fstype(line)),
                       OrEmpty(mnt_fs_get_source(line)), OrEmpty(mnt_fs_get_fs_options(line)),
                       IsShared(line)});
  }
  return entries;
}

const MountEntry* MountOf(const std::vector<MountEntry>& table, absl::string_view path) {
  const MountEntry* best = nullptr;
  for (const MountEntry& entry : table) {
    absl::string_view rest = path;
    const bool above = entry.target == "/" || (absl::ConsumePrefix(&rest, entry.target) &&
                                               (rest.empty() || rest.front() == '/'));
    // Of several at one place the last covers the others.
    if (above && (best == nullptr || entry.target.size() >= best->target.size())) best = &entry;
  }
  return best;
}

}  // namespace nodevol::host

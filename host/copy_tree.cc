// SPDX-License-Identifier: Apache-2.0
#include "host/copy_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/file_attributes.h"
#include "host/file_data.h"
#include "host/remove_tree.h"
#include "host/tree_cursor.h"

#include <limits.h>

namespace nodevol::host {
namespace {

constexpr mode_t kPrivateFile = 0600;  // until its content and its owner are there
constexpr mode_t kPrivateDirectory = 0700;

absl::StatusOr<struct stat> Stat(int fd) {
  struct stat info = {};
  if (::fstatat(fd, "", &info, AT_EMPTY_PATH) != 0) return ErrnoStatus(errno, "fstat");
  return info;
}

bool SameTime(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

absl::Status CheckUnchanged(int fd, const struct stat& before) {
  ASSIGN_OR_RETURN(const struct stat now, Stat(fd));
  if (now.st_size == before.st_size && SameTime(now.st_mtim, before.st_mtim) &&
      SameTime(now.st_ctim, before.st_ctim)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError("it was changed while it was copied; end its users first");
}

class TreeCopy {
 public:
  TreeCopy(TreeCursor from, TreeCursor to, int top)
      : from_(std::move(from)), to_(std::move(to)), top_(top) {}

  absl::Status Run() {
    ASSIGN_OR_RETURN(const struct stat top, Stat(from_.directory()));
    entered_.push_back(top);
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<std::string> name, from_.Next());
      if (name.has_value()) {
        RETURN_IF_ERROR(
            Annotate(CopyEntry(*name), absl::StrCat("copy \"", absl::CHexEscape(*name), "\"")));
        continue;
      }
      if (from_.depth() == 0) break;
      RETURN_IF_ERROR(FinishDirectory());
      RETURN_IF_ERROR(from_.Leave());
      RETURN_IF_ERROR(to_.Leave());
    }
    if (links_.valid()) {
      links_.reset();
      RETURN_IF_ERROR(RemoveTree(to_.directory(), links_name_));
    }
    return FinishDirectory();
  }

 private:
  // The time of a directory is that of its last change: everything in it is there now.
  absl::Status FinishDirectory() {
    const struct stat before = entered_.back();
    entered_.pop_back();
    RETURN_IF_ERROR(CheckUnchanged(from_.directory(), before));
    return CopyAttributes(from_.directory(), before, to_.directory());
  }

  absl::Status CopyEntry(const std::string& name) {
    ASSIGN_OR_RETURN(const UniqueFd entry,
                     OpenBeneath(from_.directory(), name, O_PATH | O_NOFOLLOW));
    ASSIGN_OR_RETURN(const struct stat info, Stat(entry.get()));
    if (S_ISDIR(info.st_mode)) {
      RETURN_IF_ERROR(from_.Enter(name));
      RETURN_IF_ERROR(MakeDirectory(to_.directory(), name, kPrivateDirectory));
      entered_.push_back(info);
      return to_.Enter(name);
    }
    ASSIGN_OR_RETURN(const FileInfo mount, Inspect(entry.get()));
    if (mount.mount_root) {
      return absl::FailedPreconditionError("something is mounted on it; unmount it first");
    }
    if (info.st_nlink > 1) {
      ASSIGN_OR_RETURN(const bool linked, LinkToCopy(info, name));
      if (linked) return absl::OkStatus();
    }
    RETURN_IF_ERROR(CopyFile(entry.get(), info, name));
    return info.st_nlink > 1 ? RememberCopy(info, name) : absl::OkStatus();
  }

  absl::Status CopyFile(int entry, const struct stat& info, const std::string& name) {
    RETURN_IF_ERROR(S_ISREG(info.st_mode) ? CopyRegular(entry, info, name)
                                          : MakeSpecial(entry, info, name));
    ASSIGN_OR_RETURN(const UniqueFd copy, OpenBeneath(to_.directory(), name, O_PATH | O_NOFOLLOW));
    return CopyAttributes(entry, info, copy.get());
  }

  absl::Status CopyRegular(int entry, const struct stat& info, const std::string& name) {
    // What was looked at is what is opened, whatever has the name by now.
    const UniqueFd source(::open(absl::StrCat("/proc/self/fd/", entry).c_str(),
                                 O_RDONLY | O_NOATIME | O_NONBLOCK | O_CLOEXEC));
    if (!source.valid()) return ErrnoStatus(errno, "open it");
    ASSIGN_OR_RETURN(const UniqueFd copy,
                     OpenBeneath(to_.directory(), name, O_WRONLY | O_CREAT | O_EXCL, kPrivateFile));
    absl::Status copied = reflink_ ? Reflink(source.get(), copy.get()) : absl::OkStatus();
    if (CannotShare(copied)) reflink_ = false;  // one refusal is enough
    if (!reflink_) copied = CopySparse(source.get(), copy.get());
    RETURN_IF_ERROR(copied);
    return CheckUnchanged(source.get(), info);
  }

  absl::Status MakeSpecial(int entry, const struct stat& info, const std::string& name) {
    if (S_ISLNK(info.st_mode)) {
      std::string text(PATH_MAX, '\0');
      const ssize_t length = ::readlinkat(entry, "", text.data(), text.size());
      if (length < 0) return ErrnoStatus(errno, "read the link");
      text.resize(static_cast<size_t>(length));
      if (::symlinkat(text.c_str(), to_.directory(), name.c_str()) == 0) return absl::OkStatus();
      return ErrnoStatus(errno, "make the link");
    }
    const mode_t mode = (info.st_mode & S_IFMT) | kPrivateFile;
    if (::mknodat(to_.directory(), name.c_str(), mode, info.st_rdev) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "mknod");
  }

  // ---- Hard links: each file that has several names gets one more, by its inode number, in a
  // directory of the copy that is removed in the end. So nothing has to be kept in memory. ----

  static std::string LinkName(const struct stat& info) {
    return absl::StrCat(absl::Hex(info.st_ino));
  }

  // Makes `name` a link to the copy that another name of the file led to; false when none did yet.
  absl::StatusOr<bool> LinkToCopy(const struct stat& info, const std::string& name) {
    if (!links_.valid()) return false;
    const std::string known = LinkName(info);
    if (::linkat(links_.get(), known.c_str(), to_.directory(), name.c_str(), 0) == 0) return true;
    if (errno == ENOENT) return false;
    if (errno != EMLINK) return ErrnoStatus(errno, "link it");
    // The file has as many names as can be: the extra one becomes the last of them.
    RETURN_IF_ERROR(RenameNoReplace(links_.get(), known, to_.directory(), name));
    return true;
  }

  absl::Status RememberCopy(const struct stat& info, const std::string& name) {
    if (!links_.valid()) RETURN_IF_ERROR(MakeLinks());
    if (::linkat(to_.directory(), name.c_str(), links_.get(), LinkName(info).c_str(), 0) == 0) {
      return absl::OkStatus();
    }
    return ErrnoStatus(errno, "link it for its other names");
  }

  absl::Status MakeLinks() {
    // In the top of the copy, so that it is of the same project. The name is nobody's.
    links_name_ = absl::StrCat(".nodevol-links-", RandomHex(16));
    RETURN_IF_ERROR(MakeDirectory(top_, links_name_, kPrivateDirectory));
    ASSIGN_OR_RETURN(links_, OpenDirectory(top_, links_name_));
    return absl::OkStatus();
  }

  TreeCursor from_;
  TreeCursor to_;
  const int top_;                     // of the copy
  std::vector<struct stat> entered_;  // of the directories down to where from_ is
  bool reflink_ = true;
  std::string links_name_;
  UniqueFd links_;
};

}  // namespace

absl::Status CopyTree(int source, int target) {
  ASSIGN_OR_RETURN(TreeCursor from, TreeCursor::Start(source));
  ASSIGN_OR_RETURN(TreeCursor to, TreeCursor::Start(target));
  return TreeCopy(std::move(from), std::move(to), target).Run();
}

}  // namespace nodevol::host

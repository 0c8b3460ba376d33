// SPDX-License-Identifier: Apache-2.0
#include "host/project_id.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace nodevol::host {
namespace {

// file_getattr(2) and file_setattr(2), Linux 6.17: newer than the headers that we build with.
constexpr long kFileGetAttr = 468;
constexpr long kFileSetAttr = 469;
struct FileAttributes {
  uint64_t flags;
  uint32_t extent_size;
  uint32_t extents;
  uint32_t project;
  uint32_t cow_extent_size;
};

// What a descriptor refers to, by a path that leads to nothing else.
std::string PathOf(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

// A kernel or a filesystem that lacks the system call.
bool IsMissing(int error) { return error == ENOSYS || error == EOPNOTSUPP || error == ENOTTY; }

absl::Status NoProjects(bool special) {
  if (special) {
    return absl::UnimplementedError(
        "the kernel or the filesystem has no projects for files other than regular ones and "
        "directories");
  }
  return absl::FailedPreconditionError("the filesystem has no projects");
}

// Opens what an O_PATH descriptor refers to, for the ioctls. Only regular files and directories:
// opening a device or a pipe does something to it. O_NONBLOCK: a lease is not waited for.
absl::StatusOr<UniqueFd> Reopen(int fd) {
  struct stat info = {};
  if (::fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat");
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return NoProjects(/*special=*/true);
  UniqueFd file(::open(PathOf(fd).c_str(), O_RDONLY | O_NONBLOCK | O_NOATIME | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "open the file for its project");
  return file;
}

absl::StatusOr<struct fsxattr> GetByIoctl(int file) {
  struct fsxattr attributes = {};
  if (::ioctl(file, FS_IOC_FSGETXATTR, &attributes) == 0) return attributes;
  if (IsMissing(errno)) return NoProjects(/*special=*/false);
  return ErrnoStatus(errno, "FS_IOC_FSGETXATTR");
}

absl::Status SetByIoctl(int file, const Project& project) {
  ASSIGN_OR_RETURN(struct fsxattr attributes, GetByIoctl(file));
  attributes.fsx_projid = project.id;
  attributes.fsx_xflags &= ~static_cast<uint32_t>(FS_XFLAG_PROJINHERIT);
  if (project.inherit) attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  if (::ioctl(file, FS_IOC_FSSETXATTR, &attributes) == 0) return absl::OkStatus();
  // EINVAL: ext4 without the feature "project" knows no id but 0.
  if (IsMissing(errno) || errno == EINVAL) return NoProjects(/*special=*/false);
  return ErrnoStatus(errno, absl::StrCat("set project ", project.id));
}

}  // namespace

absl::StatusOr<Project> ProjectOf(int fd) {
  FileAttributes attributes = {};
  if (syscall(kFileGetAttr, AT_FDCWD, PathOf(fd).c_str(), &attributes, sizeof(attributes), 0) ==
      0) {
    return Project{attributes.project, (attributes.flags & FS_XFLAG_PROJINHERIT) != 0};
  }
  if (!IsMissing(errno)) return ErrnoStatus(errno, "file_getattr");
  ASSIGN_OR_RETURN(const UniqueFd file, Reopen(fd));
  ASSIGN_OR_RETURN(const struct fsxattr by_ioctl, GetByIoctl(file.get()));
  return Project{by_ioctl.fsx_projid, (by_ioctl.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0};
}

absl::Status SetProject(int fd, const Project& project) {
  const std::string path = PathOf(fd);
  FileAttributes attributes = {};
  if (syscall(kFileGetAttr, AT_FDCWD, path.c_str(), &attributes, sizeof(attributes), 0) == 0) {
    attributes.project = project.id;
    attributes.flags &= ~static_cast<uint64_t>(FS_XFLAG_PROJINHERIT);
    if (project.inherit) attributes.flags |= FS_XFLAG_PROJINHERIT;
    if (syscall(kFileSetAttr, AT_FDCWD, path.c_str(), &attributes, sizeof(attributes), 0) == 0) {
      return absl::OkStatus();
    }
    if (errno == EINVAL) return NoProjects(/*special=*/false);
    if (!IsMissing(errno)) return ErrnoStatus(errno, absl::StrCat("set project ", project.id));
  } else if (!IsMissing(errno)) {
    return ErrnoStatus(errno, "file_getattr");
  }
  ASSIGN_OR_RETURN(const UniqueFd file, Reopen(fd));
  return SetByIoctl(file.get(), project);
}

}  // namespace nodevol::host

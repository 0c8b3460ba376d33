// SPDX-License-Identifier: Apache-2.0
#include "host/file_attributes.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::host {
namespace {

constexpr mode_t kModeBits = 07777;
constexpr size_t kMaxAttributeBytes = size_t{64} * 1024;  // XATTR_LIST_MAX, XATTR_SIZE_MAX

// What a descriptor refers to, by a path that leads to nothing else: the calls for extended
// attributes take no O_PATH descriptors.
std::string PathOf(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

absl::StatusOr<std::vector<std::string>> AttributeNames(const std::string& path) {
  std::string list(kMaxAttributeBytes, '\0');
  const ssize_t got = ::listxattr(path.c_str(), list.data(), list.size());
  if (got < 0 && errno == EOPNOTSUPP) return std::vector<std::string>();
  if (got < 0) return ErrnoStatus(errno, "list extended attributes");
  list.resize(static_cast<size_t>(got));
  return std::vector<std::string>(absl::StrSplit(list, '\0', absl::SkipEmpty()));
}

absl::Status CopyExtendedAttributes(int source, int target) {
  const std::string from = PathOf(source);
  const std::string to = PathOf(target);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, AttributeNames(from));
  if (names.empty()) return absl::OkStatus();
  std::string value(kMaxAttributeBytes, '\0');
  for (const std::string& name : names) {
    const ssize_t got = ::getxattr(from.c_str(), name.c_str(), value.data(), value.size());
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("read extended attribute ", name));
    if (::setxattr(to.c_str(), name.c_str(), value.data(), static_cast<size_t>(got), 0) != 0) {
      return ErrnoStatus(errno, absl::StrCat("set extended attribute ", name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CopyAttributes(int source, const struct stat& info, int target) {
  // In this order: a new owner clears the set-user-ID bit and the capabilities.
  if (::fchownat(target, "", info.st_uid, info.st_gid, AT_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, "set the owner");
  }
  RETURN_IF_ERROR(CopyExtendedAttributes(source, target));
  if (!S_ISLNK(info.st_mode) && ::chmod(PathOf(target).c_str(), info.st_mode & kModeBits) != 0) {
    return ErrnoStatus(errno, "set the mode");
  }
  const std::array<struct timespec, 2> times = {info.st_atim, info.st_mtim};
  if (::utimensat(target, "", times.data(), AT_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, "set the times");
  }
  return absl::OkStatus();
}

}  // namespace nodevol::host

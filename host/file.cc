// SPDX-License-Identifier: Apache-2.0
#include "host/file.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U  // Linux 6.8
#endif

namespace nodevol::host {
namespace {

constexpr int64_t kStatBlockBytes = 512;  // the unit of stx_blocks, whatever the filesystem

absl::StatusOr<FileInfo> Statx(int directory, const char* path, int flags, absl::string_view what) {
  struct statx raw = {};
  const unsigned basic = STATX_BASIC_STATS;
  if (::statx(directory, path, flags, basic | STATX_MNT_ID_UNIQUE, &raw) != 0) {
    return ErrnoStatus(errno, absl::StrCat("statx ", what));
  }
  if ((raw.stx_mask & STATX_MNT_ID_UNIQUE) == 0) {
    if (::statx(directory, path, flags, basic | STATX_MNT_ID, &raw) != 0) {
      return ErrnoStatus(errno, absl::StrCat("statx ", what));
    }
  }
  FileInfo info;
  info.device = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  info.inode = raw.stx_ino;
  info.mode = raw.stx_mode;
  info.device_number = makedev(raw.stx_rdev_major, raw.stx_rdev_minor);
  info.size_bytes = static_cast<int64_t>(raw.stx_size);
  info.allocated_bytes = static_cast<int64_t>(raw.stx_blocks) * kStatBlockBytes;
  info.mount_id = raw.stx_mnt_id;
  info.mount_root = (raw.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  return info;
}

}  // namespace

absl::StatusOr<UniqueFd> OpenBeneath(int directory, absl::string_view path, int flags,
                                     mode_t mode) {
  struct open_how how = {};
  how.flags = static_cast<uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string name(path);
  // EAGAIN: somebody renamed on the way and the kernel could not prove the path safe (openat2(2)).
  constexpr int kAttempts = 32;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const long fd = syscall(SYS_openat2, directory, name.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return ErrnoStatus(errno, absl::StrCat("open ", path));
}

absl::StatusOr<UniqueFd> OpenDirectory(int directory, absl::string_view path) {
  return OpenBeneath(directory, path, O_RDONLY | O_DIRECTORY);
}

absl::StatusOr<UniqueFd> OpenPath(absl::string_view path, int flags) {
  const int fd = ::open(std::string(path).c_str(), flags | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("open ", path));
  return UniqueFd(fd);
}

absl::StatusOr<FileInfo> Inspect(int fd) { return Statx(fd, "", AT_EMPTY_PATH, "of an open file"); }

absl::StatusOr<FileInfo> InspectPath(absl::string_view path) {
  return Statx(AT_FDCWD, std::string(path).c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, path);
}

absl::StatusOr<FileInfo> InspectAt(int directory, absl::string_view name) {
  return Statx(directory, std::string(name).c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, name);
}

absl::Status MakeDirectory(int directory, absl::string_view name, mode_t mode) {
  if (::mkdirat(directory, std::string(name).c_str(), mode) != 0) {
    return ErrnoStatus(errno, absl::StrCat("mkdir ", name));
  }
  return absl::OkStatus();
}

absl::Status RemoveDirectory(int directory, absl::string_view name) {
  if (::unlinkat(directory, std::string(name).c_str(), AT_REMOVEDIR) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rmdir ", name));
  }
  return absl::OkStatus();
}

absl::Status RemoveFile(int directory, absl::string_view name) {
  if (::unlinkat(directory, std::string(name).c_str(), 0) != 0) {
    return ErrnoStatus(errno, absl::StrCat("unlink ", name));
  }
  return absl::OkStatus();
}

absl::Status RenameNoReplace(int old_directory, absl::string_view old_name, int new_directory,
                             absl::string_view new_name) {
  if (::renameat2(old_directory, std::string(old_name).c_str(), new_directory,
                  std::string(new_name).c_str(), RENAME_NOREPLACE) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", old_name, " to ", new_name));
  }
  return absl::OkStatus();
}

absl::Status RenameOver(int directory, absl::string_view old_name, absl::string_view new_name) {
  if (::renameat2(directory, std::string(old_name).c_str(), directory,
                  std::string(new_name).c_str(), 0) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", old_name, " over ", new_name));
  }
  return absl::OkStatus();
}

absl::Status Sync(int fd) {
  if (::fsync(fd) != 0) return ErrnoStatus(errno, "fsync");
  return absl::OkStatus();
}

absl::Status SyncFilesystem(int fd) {
  if (::syncfs(fd) != 0) return ErrnoStatus(errno, "syncfs");
  return absl::OkStatus();
}

absl::Status WriteNewFile(int directory, absl::string_view name, absl::string_view content,
                          mode_t mode) {
  ASSIGN_OR_RETURN(const UniqueFd file,
                   OpenBeneath(directory, name, O_WRONLY | O_CREAT | O_EXCL, mode));
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, absl::StrCat("write ", name));
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return Annotate(Sync(file.get()), name);
}

namespace {

// `name` is for the messages.
absl::StatusOr<std::string> ReadAll(const UniqueFd& file, absl::string_view name,
                                    size_t max_bytes) {
  std::string content;
  constexpr size_t kChunk = 4096;
  while (true) {
    const size_t offset = content.size();
    content.resize(offset + kChunk);
    const ssize_t got = ::read(file.get(), content.data() + offset, kChunk);
    if (got < 0 && errno == EINTR) {
      content.resize(offset);
      continue;
    }
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("read ", name));
    content.resize(offset + static_cast<size_t>(got));
    if (got == 0) return content;
    if (content.size() > max_bytes) {
      return absl::OutOfRangeError(absl::StrCat(name, " is larger than ", max_bytes, " bytes"));
    }
  }
}

}  // namespace

absl::StatusOr<std::string> ReadFile(int directory, absl::string_view name, size_t max_bytes) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenBeneath(directory, name, O_RDONLY | O_NONBLOCK));
  return ReadAll(file, name, max_bytes);
}

absl::StatusOr<std::string> ReadNamedFile(const std::string& path, size_t max_bytes) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  return ReadAll(file, path, max_bytes);
}

absl::StatusOr<std::vector<std::string>> ListDirectory(int directory) {
  // fdopendir(3) takes the descriptor over and moves its offset: give it one of its own.
  ASSIGN_OR_RETURN(UniqueFd own, OpenDirectory(directory, "."));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), ::closedir);
  if (stream == nullptr) return ErrnoStatus(errno, "fdopendir");
  (void)own.release();
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const struct dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return ErrnoStatus(errno, "readdir");
  return names;
}

}  // namespace nodevol::host

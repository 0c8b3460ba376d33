// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/observe.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/file_data.h"

namespace nodevol::testing {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode : 0;
}

}  // namespace

absl::StatusOr<int64_t> SizeSeenAt(const std::string& path) {
  if (IsBlockDevice(path)) {
    ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(path, O_RDONLY));
    return host::BlockDeviceSize(device.get());
  }
  struct statvfs usage = {};
  if (::statvfs(path.c_str(), &usage) != 0) return ErrnoStatus(errno, absl::StrCat("stat ", path));
  return static_cast<int64_t>(usage.f_blocks * usage.f_frsize);
}

std::optional<host::MountEntry> MountAt(const std::string& path) {
  std::optional<host::MountEntry> topmost;
  const absl::StatusOr<std::vector<host::MountEntry>> table = host::ReadMountTable();
  if (!table.ok()) return topmost;
  for (const host::MountEntry& entry : *table) {
    if (entry.target == path) topmost = entry;
  }
  return topmost;
}

std::vector<std::string> MountsBeneath(const std::string& directory) {
  std::vector<std::string> paths;
  const absl::StatusOr<std::vector<host::MountEntry>> table = host::ReadMountTable();
  if (!table.ok()) return paths;
  for (auto entry = table->rbegin(); entry != table->rend(); ++entry) {
    if (absl::StartsWith(entry->target, directory + "/")) paths.push_back(entry->target);
  }
  return paths;
}

std::vector<std::string> NamesIn(const std::string& directory) {
  const absl::StatusOr<UniqueFd> fd = host::OpenPath(directory, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return {};
  std::vector<std::string> names =
      host::ListDirectory(fd->get()).value_or(std::vector<std::string>());
  std::sort(names.begin(), names.end());
  return names;
}

bool Exists(const std::string& path) { return ModeOf(path) != 0; }

bool IsBlockDevice(const std::string& path) { return S_ISBLK(ModeOf(path)); }

bool IsWritable(const std::string& path) {
  if (!S_ISDIR(ModeOf(path))) {
    const UniqueFd device(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    // Some kernels open a read-only device and refuse the write.
    const char byte = 'x';
    return device.valid() && ::pwrite(device.get(), &byte, 1, 0) == 1 && ::fsync(device.get()) == 0;
  }
  const std::string file = path + "/is-it-writable";
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  return fd.valid() && ::unlink(file.c_str()) == 0;
}

int64_t FillAtMost(const std::string& file, int64_t most, int& error) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string chunk(static_cast<size_t>(kMiB), 'x');
  int64_t taken = 0;
  error = 0;
  while (taken < most) {
    const ssize_t put = ::write(fd.get(), chunk.data(), chunk.size());
    if (put <= 0) {
      error = errno;
      break;
    }
    taken += put;
  }
  // Some find out only now.
  if (::fsync(fd.get()) != 0 && error == 0) error = errno;
  return taken;
}

absl::Status SyncAt(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, host::OpenPath(path, O_RDONLY));
  return IsBlockDevice(path) ? host::Sync(fd.get()) : host::SyncFilesystem(fd.get());
}

absl::Status MountForeign(const std::string& path) {
  if (S_ISDIR(ModeOf(path))) {
    if (::mount("foreign", path.c_str(), "tmpfs", 0, nullptr) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("mount a tmpfs on ", path));
  }
  std::string file = "/tmp/foreign-XXXXXX";
  const UniqueFd fd(::mkstemp(file.data()));
  const int mounted = ::mount(file.c_str(), path.c_str(), nullptr, MS_BIND, nullptr);
  const int error = errno;
  ::unlink(file.c_str());
  return mounted == 0 ? absl::OkStatus()
                      : ErrnoStatus(error, absl::StrCat("mount a file on ", path));
}

void UnmountForeign(const std::string& path) {
  ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

}  // namespace nodevol::testing

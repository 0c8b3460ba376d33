// SPDX-License-Identifier: Apache-2.0
#include "host/file_data.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::host {
namespace {

constexpr int64_t kCopyChunk = 8 * kMiB;

// Across superblocks copy_file_range(2) says EXDEV or EOPNOTSUPP, depending on the kernel.
absl::Status CopyThroughMemory(int source, int target, int64_t offset, int64_t length) {
  std::vector<char> buffer(static_cast<size_t>(std::min(kCopyChunk, length)));
  while (length > 0) {
    const size_t want = static_cast<size_t>(std::min<int64_t>(length, kCopyChunk));
    const ssize_t got = ::pread(source, buffer.data(), want, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read the source");
    if (got == 0) return absl::OkStatus();
    ssize_t done = 0;
    while (done < got) {
      const ssize_t put =
          ::pwrite(target, buffer.data() + done, static_cast<size_t>(got - done), offset + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return ErrnoStatus(errno, "write the copy");
      done += put;
    }
    offset += got;
    length -= got;
  }
  return absl::OkStatus();
}

absl::Status CopySegment(int source, int target, int64_t offset, int64_t length) {
  while (length > 0) {
    off64_t from = offset;
    off64_t to = offset;
    const ssize_t copied = ::copy_file_range(source, &from, target, &to,
                                             static_cast<size_t>(std::min(length, kCopyChunk)), 0);
    if (copied < 0) {
      if (errno == EINTR) continue;
      if (errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS) {
        return CopyThroughMemory(source, target, offset, length);
      }
      return ErrnoStatus(errno, "copy_file_range");
    }
    if (copied == 0) return absl::OkStatus();
    offset += copied;
    length -= copied;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetFileSize(int fd, int64_t bytes) {
  if (::ftruncate(fd, bytes) != 0) return ErrnoStatus(errno, "ftruncate");
  return absl::OkStatus();
}

absl::Status Allocate(int fd, int64_t bytes, bool keep_size) {
  while (::fallocate(fd, keep_size ? FALLOC_FL_KEEP_SIZE : 0, 0, bytes) != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, "fallocate");
  }
  return absl::OkStatus();
}

absl::Status Reflink(int source, int target) {
  if (::ioctl(target, FICLONE, source) != 0) return ErrnoStatus(errno, "FICLONE");
  return absl::OkStatus();
}

bool CannotShare(const absl::Status& reflinked) {
  const int error = ErrnoOf(reflinked);
  return error == EOPNOTSUPP || error == EXDEV || error == EINVAL;
}

absl::Status CopySparse(int source, int target) {
  struct stat info = {};
  if (::fstat(source, &info) != 0) return ErrnoStatus(errno, "fstat the source");
  RETURN_IF_ERROR(SetFileSize(target, info.st_size));
  int64_t offset = 0;
  while (offset < info.st_size) {
    const off64_t data = ::lseek(source, offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    if (data < 0) return ErrnoStatus(errno, "SEEK_DATA");
    const off64_t hole = ::lseek(source, data, SEEK_HOLE);
    if (hole < 0) return ErrnoStatus(errno, "SEEK_HOLE");
    RETURN_IF_ERROR(CopySegment(source, target, data, hole - data));
    offset = hole;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> BlockDeviceSize(int fd) {
  uint64_t bytes = 0;
  if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0) return ErrnoStatus(errno, "BLKGETSIZE64");
  return static_cast<int64_t>(bytes);
}

}  // namespace nodevol::host

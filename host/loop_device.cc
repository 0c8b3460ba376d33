// SPDX-License-Identifier: Apache-2.0
#include "host/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "host/file.h"

namespace nodevol::host {
namespace {

constexpr int kAttachAttempts = 256;
constexpr absl::Duration kAttachPause = absl::Milliseconds(1);

// LOOP_CTL_GET_FREE only names a device; without this, threads race for the same one and most lose.
ABSL_CONST_INIT absl::Mutex attach_mutex(absl::kConstInit);

absl::StatusOr<UniqueFd> OpenNode(int number, int flags) {
  const std::string path = LoopPath(number);
  absl::StatusOr<UniqueFd> fd = OpenPath(path, flags);
  if (fd.ok() || ErrnoOf(fd.status()) != ENOENT) return fd;
  // In a container nothing makes the nodes of new devices.
  if (::mknod(path.c_str(), S_IFBLK | 0600, makedev(LOOP_MAJOR, static_cast<unsigned>(number))) !=
          0 &&
      errno != EEXIST) {
    return ErrnoStatus(errno, absl::StrCat("mknod ", path));
  }
  return OpenPath(path, flags);
}

absl::StatusOr<int> FreeNumber() {
  ASSIGN_OR_RETURN(const UniqueFd control, OpenPath("/dev/loop-control", O_RDWR));
  const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
  if (number < 0) return ErrnoStatus(errno, "ask for a free loop device");
  return number;
}

// huge_encode_dev() of the kernel.
dev_t DecodeDevice(uint64_t encoded) {
  const auto major_number = static_cast<unsigned>((encoded & 0xfff00) >> 8);
  const auto minor_number = static_cast<unsigned>((encoded & 0xff) | ((encoded >> 12) & 0xfff00));
  return makedev(major_number, minor_number);
}

void WarnUnlessDirectIo(const LoopDevice& device) {
  const absl::StatusOr<std::optional<LoopBacking>> backing = LoopBackingOf(device.fd.get());
  if (backing.ok() && backing->has_value() && !(*backing)->direct_io) {
    log::Warn("the loop device fell back to buffered I/O: data is cached twice",
              {{"device", device.Path()}});
  }
}

}  // namespace

std::string LoopName(int number) { return absl::StrCat("loop", number); }

std::string LoopPath(int number) { return absl::StrCat("/dev/", LoopName(number)); }

std::string LoopDevice::Path() const { return LoopPath(number); }

absl::StatusOr<LoopDevice> AttachLoop(int image, const LoopOptions& options) {
  loop_config config = {};
  config.fd = static_cast<uint32_t>(image);
  config.block_size = options.sector_bytes;
  config.info.lo_flags = LO_FLAGS_DIRECT_IO | (options.read_only ? LO_FLAGS_READ_ONLY : 0) |
                         (options.autoclear ? LO_FLAGS_AUTOCLEAR : 0);
  const int open_flags = options.read_only ? O_RDONLY : O_RDWR;
  absl::MutexLock lock(&attach_mutex);
  for (int attempt = 0; attempt < kAttachAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const int number, FreeNumber());
    absl::StatusOr<UniqueFd> fd = OpenNode(number, open_flags);
    // ENXIO: the device is on its way, there or away, by another process's doing.
    if (ErrnoOf(fd.status()) == ENXIO) {
      absl::SleepFor(kAttachPause);
      continue;
    }
    RETURN_IF_ERROR(fd.status());
    if (::ioctl(fd->get(), LOOP_CONFIGURE, &config) == 0) {
      LoopDevice device{number, *std::move(fd)};
      WarnUnlessDirectIo(device);
      return device;
    }
    // EBUSY: another process was faster.
    if (errno != EBUSY) return ErrnoStatus(errno, absl::StrCat("configure ", LoopPath(number)));
  }
  return absl::UnavailableError(
      absl::StrCat("no free loop device after ", kAttachAttempts, " attempts; retry"));
}

absl::StatusOr<LoopDevice> OpenLoop(int number, bool read_only) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenNode(number, read_only ? O_RDONLY : O_RDWR));
  return LoopDevice{number, std::move(fd)};
}

absl::StatusOr<std::optional<LoopBacking>> LoopBackingOf(int loop_fd) {
  loop_info64 info = {};
  if (::ioctl(loop_fd, LOOP_GET_STATUS64, &info) != 0) {
    if (errno == ENXIO) return std::optional<LoopBacking>();
    return ErrnoStatus(errno, "LOOP_GET_STATUS64");
  }
  LoopBacking backing;
  backing.device = DecodeDevice(info.lo_device);
  backing.inode = info.lo_inode;
  backing.read_only = (info.lo_flags & LO_FLAGS_READ_ONLY) != 0;
  backing.autoclear = (info.lo_flags & LO_FLAGS_AUTOCLEAR) != 0;
  backing.direct_io = (info.lo_flags & LO_FLAGS_DIRECT_IO) != 0;
  return std::optional<LoopBacking>(backing);
}

std::optional<int> LoopNumber(dev_t device_number) {
  if (major(device_number) != LOOP_MAJOR) return std::nullopt;
  return static_cast<int>(minor(device_number));
}

absl::Status RefreshLoopSize(int loop_fd) {
  if (::ioctl(loop_fd, LOOP_SET_CAPACITY, 0) != 0) {
    return ErrnoStatus(errno, "LOOP_SET_CAPACITY");
  }
  return absl::OkStatus();
}

absl::Status DetachLoop(int loop_fd) {
  // ENXIO: nothing is bound any more.
  if (::ioctl(loop_fd, LOOP_CLR_FD, 0) != 0 && errno != ENXIO) {
    return ErrnoStatus(errno, "LOOP_CLR_FD");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AttachedLoop>> ListLoops() {
  ASSIGN_OR_RETURN(const UniqueFd sysfs, OpenPath("/sys/block", O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(sysfs.get()));
  std::vector<AttachedLoop> loops;
  for (absl::string_view name : names) {
    int number = -1;
    if (!absl::ConsumePrefix(&name, "loop") || !absl::SimpleAtoi(name, &number)) continue;
    // Only bound devices have this directory; opening the others would cost for nothing.
    if (::access(absl::StrCat("/sys/block/loop", number, "/loop").c_str(), F_OK) != 0) continue;
    const absl::StatusOr<LoopDevice> device = OpenLoop(number, /*read_only=*/true);
    if (!device.ok()) continue;  // gone between the two looks
    const absl::StatusOr<std::optional<LoopBacking>> backing = LoopBackingOf(device->fd.get());
    if (backing.ok() && backing->has_value()) loops.push_back({number, **backing});
  }
  return loops;
}

}  // namespace nodevol::host

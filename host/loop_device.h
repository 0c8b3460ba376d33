// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_LOOP_DEVICE_H_
#define NODEVOL_HOST_LOOP_DEVICE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"

// Loop devices (loop(4)): image files seen as block devices, always with direct I/O asked for.
//
// Who frees one: a device attached with autoclear is freed by the kernel when its last user (the
// mount, or the descriptor that Attach returned) is gone, so a crash leaks none. A raw block volume
// has no such user (a bind mount of a device node does not open it), so its device is attached
// without autoclear, freed by Detach, and found again at start by its backing file.
namespace nodevol::host {

// What a loop device is bound to, as the kernel sees it.
struct LoopBacking {
  dev_t device = 0;
  ino_t inode = 0;
  bool read_only = false;
  bool autoclear = false;
  bool direct_io = false;
};

struct LoopDevice {
  int number = -1;
  UniqueFd fd;

  [[nodiscard]] std::string Path() const;
};

struct LoopOptions {
  bool read_only = false;
  bool autoclear = false;
  uint32_t sector_bytes = 512;
};

std::string LoopPath(int number);
// "loop7", as sysfs calls it.
std::string LoopName(int number);

// Binds the open file `image` to a free device. The caller has made sure that no other device is
// bound to it: the kernel does not care, and two are how a filesystem is destroyed.
absl::StatusOr<LoopDevice> AttachLoop(int image, const LoopOptions& options);
// Opens an attached device.
absl::StatusOr<LoopDevice> OpenLoop(int number, bool read_only);

// nullopt when nothing is bound to the device.
absl::StatusOr<std::optional<LoopBacking>> LoopBackingOf(int loop_fd);
// The number of the loop device with this device number; nullopt when it is no loop device.
std::optional<int> LoopNumber(dev_t device_number);
// Tells the device that its file has grown.
absl::Status RefreshLoopSize(int loop_fd);
// Frees the device. Where somebody still has it open the kernel frees it at the last close.
absl::Status DetachLoop(int loop_fd);

struct AttachedLoop {
  int number = -1;
  LoopBacking backing;
};
// Every bound device of the machine: for start-up and rare trouble, not for a hot path.
absl::StatusOr<std::vector<AttachedLoop>> ListLoops();

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_LOOP_DEVICE_H_

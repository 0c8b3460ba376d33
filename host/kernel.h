// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_KERNEL_H_
#define NODEVOL_HOST_KERNEL_H_

#include <string>

namespace nodevol::host {

struct KernelVersion {
  int major = 0;
  int minor = 0;
  std::string release;  // "6.1.0-18-amd64"

  [[nodiscard]] bool AtLeast(int other_major, int other_minor) const {
    return major != other_major ? major > other_major : minor >= other_minor;
  }
};

// Of the running kernel, as uname(2) says; 0.0 where that can't be read.
KernelVersion RunningKernel();

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_KERNEL_H_

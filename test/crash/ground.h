// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CRASH_GROUND_H_
#define NODEVOL_TEST_CRASH_GROUND_H_

#include "base/bytes.h"
#include "test/crash/world.h"

// The kinds of volume and of pool that are crashed.
namespace nodevol::testing {

inline Ground DirectoryOnBtrfs() {
  return {"DirectoryOnBtrfs",
          host::FilesystemType::kBtrfs,
          {MountCapability(), {{"backend", "directory"}}},
          16 * kMiB};
}
inline Ground ImageOnXfs() {
  return {"ImageOnXfs", host::FilesystemType::kXfs, {MountCapability("ext4"), {}}, 32 * kMiB};
}
inline Ground ImageOnExt4() {
  return {"ImageOnExt4", host::FilesystemType::kExt4, {MountCapability("xfs"), {}}, 300 * kMiB};
}
inline Ground ImageOnBtrfs() {
  return {"ImageOnBtrfs", host::FilesystemType::kBtrfs, {MountCapability("ext4"), {}}, 32 * kMiB};
}
inline Ground BlockOnXfs() {
  return {"BlockOnXfs", host::FilesystemType::kXfs, {BlockCapability(), {}}, 16 * kMiB};
}
inline Ground BlockOnExt4() {
  return {"BlockOnExt4", host::FilesystemType::kExt4, {BlockCapability(), {}}, 16 * kMiB};
}

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CRASH_GROUND_H_

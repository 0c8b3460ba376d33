// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLIENT_GROUND_H_
#define NODEVOL_TEST_CLIENT_GROUND_H_

#include <ostream>
#include <string>

#include "base/bytes.h"
#include "host/filesystem.h"
#include "test/client/volume_client.h"
#include "test/support/project_quota.h"

namespace nodevol::testing {

// What a test of the whole driver runs on: the filesystem of the pool, and the kind of volume.
struct Ground {
  std::string name;
  host::FilesystemType pool_filesystem;
  VolumeClass volume_class;
  int64_t volume_bytes;
  bool project_quotas = false;  // the filesystem enforces them

  friend void PrintTo(const Ground& ground, std::ostream* out) { *out << ground.name; }
};

// The filesystem of the pool.
inline TestFilesystem::Options DiskFor(const Ground& ground, int64_t bytes) {
  if (ground.project_quotas) return WithProjectQuotas(ground.pool_filesystem, bytes);
  return {.type = ground.pool_filesystem, .bytes = bytes};
}

inline Ground DirectoryOnBtrfs() {
  return {"DirectoryOnBtrfs",
          host::FilesystemType::kBtrfs,
          {MountCapability(), {{"backend", "directory"}}},
          16 * kMiB};
}
inline Ground DirectoryOnXfs() {
  return {"DirectoryOnXfs",
          host::FilesystemType::kXfs,
          {MountCapability(), {{"backend", "directory"}}},
          16 * kMiB,
          /*project_quotas=*/true};
}
inline Ground DirectoryOnExt4() {
  return {"DirectoryOnExt4",
          host::FilesystemType::kExt4,
          {MountCapability(), {{"backend", "directory"}}},
          16 * kMiB,
          /*project_quotas=*/true};
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
inline Ground BlockOnBtrfs() {
  return {"BlockOnBtrfs", host::FilesystemType::kBtrfs, {BlockCapability(), {}}, 16 * kMiB};
}
inline Ground BlockOnExt4() {
  return {"BlockOnExt4", host::FilesystemType::kExt4, {BlockCapability(), {}}, 16 * kMiB};
}

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLIENT_GROUND_H_

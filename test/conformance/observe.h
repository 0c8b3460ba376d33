// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_OBSERVE_H_
#define NODEVOL_TEST_CONFORMANCE_OBSERVE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "host/mount_table.h"

// What a workload, and somebody who looks at the node, sees of a volume.
namespace nodevol::testing {

// The bytes that the filesystem has in all, or the device.
absl::StatusOr<int64_t> SizeSeenAt(const std::string& path);
// The topmost mount at this very path; nullopt when nothing is mounted there.
std::optional<host::MountEntry> MountAt(const std::string& path);
// The paths beneath the directory that something is mounted on, the last mounted first.
std::vector<std::string> MountsBeneath(const std::string& directory);
// The names in a directory, sorted.
std::vector<std::string> NamesIn(const std::string& directory);
bool Exists(const std::string& path);
bool IsBlockDevice(const std::string& path);
// Whether the kernel refuses to open a new file there, or the device, for writing.
bool IsWritable(const std::string& path);
// Writes to the file until the kernel refuses, with `error`, or `most` bytes are written: a driver
// without limits must not cost its node the disk. Returns how many there are.
int64_t FillAtMost(const std::string& file, int64_t most, int& error);
// Makes what was written visible in figures that a filesystem counts when it commits.
absl::Status SyncAt(const std::string& path);

// Mounts something of nobody's there: a tmpfs, or on a file a file.
absl::Status MountForeign(const std::string& path);
void UnmountForeign(const std::string& path);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_OBSERVE_H_

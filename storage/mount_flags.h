// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_MOUNT_FLAGS_H_
#define NODEVOL_STORAGE_MOUNT_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "host/mount.h"

namespace nodevol::storage {

inline constexpr char kAnyFilesystem[] = "any";

// Mount flags of a capability (StorageClass mountOptions), sorted by what they change.
struct MountFlags {
  host::MountAttributes attributes;                // of the mount
  std::vector<host::FilesystemOption> filesystem;  // of the filesystem in an image
};

// Checks each flag against an allow-list: what isn't on it could reach beyond the volume
// (errors=panic stops the machine when its content is hostile) or mean nothing here. `fs_type` is
// "" when the volume is no filesystem of its own: then only flags of the mount are allowed;
// kAnyFilesystem allows what any filesystem does. INVALID_ARGUMENT says which flag by its position,
// never by its value, which may be a secret, and lists those that are allowed.
//
// nosuid and nodev hold unless "suid" or "dev" is asked for.
absl::StatusOr<MountFlags> ParseMountFlags(absl::string_view fs_type,
                                           const std::vector<std::string>& flags);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_MOUNT_FLAGS_H_

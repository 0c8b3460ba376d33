// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_FILESYSTEM_TOOLS_H_
#define NODEVOL_HOST_FILESYSTEM_TOOLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "host/filesystem.h"

// Making, recognising and growing the filesystem inside an image.
namespace nodevol::host {

// The programs that the functions here run on a filesystem of this type, by absolute path.
std::vector<std::string> ProgramsFor(FilesystemType type);

// The smallest image in bytes in which mkfs makes a filesystem of this type that is worth having.
int64_t MinimumFilesystemBytes(FilesystemType type);

// Makes a filesystem in the image file `fd` (open for reading and writing), sectors of 4 KiB.
// `options` are more arguments for mkfs, checked by the caller. The image must be new: nothing is
// asked.
absl::Status MakeFilesystem(int fd, FilesystemType type, const std::vector<std::string>& options);

// What libblkid finds on an image or a block device: its filesystem type ("ext4"), "" for blank or
// unknown content. An I/O error is an error, never "blank".
absl::StatusOr<std::string> ProbeFilesystem(int fd);

// The size of the ext4 filesystem in an image, as its superblock says; nullopt when it is no ext4.
absl::StatusOr<std::optional<int64_t>> Ext4Size(int fd);

// Grows the ext4 in an unmounted image to the image's size: e2fsck, then resize2fs.
absl::Status GrowExt4Offline(int fd);

// Grows a mounted filesystem to `bytes`, the size of its device; OK when it is that large.
// `mounted` is its root, open for reading. ext4 answers EPERM without CAP_SYS_RESOURCE.
absl::Status GrowMounted(int mounted, FilesystemType type, int64_t bytes);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_FILESYSTEM_TOOLS_H_

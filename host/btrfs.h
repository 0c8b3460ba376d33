// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_BTRFS_H_
#define NODEVOL_HOST_BTRFS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "base/unique_fd.h"

// btrfs subvolumes by ioctl (btrfs-ioctl(2)). `fd` is any file of the filesystem, open for reading,
// unless said otherwise.
namespace nodevol::host {

using SubvolumeId = uint64_t;

absl::Status CreateSubvolume(int parent, absl::string_view name);
// A snapshot of the subvolume whose root directory `source` is. Commits a transaction: what was
// written before is in it.
absl::Status SnapshotSubvolume(int source, int parent, absl::string_view name, bool read_only);
// The subvolume that fd is in.
absl::StatusOr<SubvolumeId> SubvolumeOf(int fd);
// True when fd is the root directory of a subvolume.
absl::StatusOr<bool> IsSubvolumeRoot(int fd);
// Opens the root directory of a subvolume for reading, wherever in the filesystem that is.
absl::StatusOr<UniqueFd> OpenSubvolume(int fd, SubvolumeId id);
// Takes the read-only flag away from the subvolume whose root directory fd is; OK when it has none.
absl::Status MakeSubvolumeWritable(int fd);
// The subvolumes directly beneath `parent`, wherever in its tree.
absl::StatusOr<std::vector<SubvolumeId>> ChildSubvolumes(int fd, SubvolumeId parent);
absl::StatusOr<bool> SubvolumeExists(int fd, SubvolumeId id);

// Removes the subvolume `name` of `parent`; the space comes back in the background. errno ENOTEMPTY
// while subvolumes are nested in it, ENOENT when there is none.
absl::Status DestroySubvolume(int parent, absl::string_view name);
// The same by id, for one that a pod made somewhere in its volume.
absl::Status DestroySubvolumeById(int fd, SubvolumeId id);

// Makes every change to the filesystem's trees so far durable, without flushing other files' dirty
// data (START_SYNC, WAIT_SYNC). Not where the kernel's thread that commits has missed the call: it
// is called again after a moment, and does not sleep until the filesystem's commit interval is
// over.
absl::Status CommitTransaction(int fd);

// Lets the new, empty regular file fd be written in place (nodatacow; btrfs(5)), so that its
// preallocated blocks keep being used. Its data has no checksums then.
absl::Status DisableCopyOnWrite(int fd);

// Grows the mounted filesystem to the size of its (only) device.
absl::Status GrowBtrfs(int fd);
// The device node of the mounted filesystem's device 1.
absl::StatusOr<std::string> BtrfsDevicePath(int fd);

// How many inodes subvolume `id` has, counting at most `max_items` tree items: nullopt when there
// are more.
absl::StatusOr<std::optional<int64_t>> CountInodes(int fd, SubvolumeId id, int64_t max_items);
// A number that grows with each transaction that changed the subvolume fd is in.
absl::StatusOr<uint64_t> SubvolumeGeneration(int fd);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_BTRFS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_MOUNT_H_
#define NODEVOL_HOST_MOUNT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "base/unique_fd.h"

// Mounting by descriptor (open_tree(2), fsmount(2), mount_setattr(2), move_mount(2)): a mount is
// made and given its attributes while nobody sees it, then appears at its target in one step. A
// detached mount that is never attached goes away with its descriptor, also when the process dies.
namespace nodevol::host {

// Attributes of one mount, not of the filesystem beneath it.
struct MountAttributes {
  bool read_only = false;
  bool nosuid = true;
  bool nodev = true;
  bool noexec = false;
  bool nodiratime = false;
  enum class AccessTime { kRelative, kNone, kStrict };
  AccessTime access_time = AccessTime::kRelative;

  friend bool operator==(const MountAttributes&, const MountAttributes&) = default;
};

// A filesystem's own options: "discard", or {"commit", "30"}.
using FilesystemOption = std::pair<std::string, std::string>;

// A detached bind mount of the directory or file `fd` (open_tree(2) with OPEN_TREE_CLONE). It has
// the attributes of the mount that fd is on.
absl::StatusOr<UniqueFd> CloneTree(int fd);
// The same, with what is mounted beneath the directory (AT_RECURSIVE).
absl::StatusOr<UniqueFd> CloneTreeRecursively(int fd);

// A detached mount of the filesystem on a block device. Kernel messages are part of the error.
absl::StatusOr<UniqueFd> NewMount(absl::string_view filesystem, absl::string_view device,
                                  bool read_only, const std::vector<FilesystemOption>& options,
                                  const MountAttributes& attributes);

// Changes options of the filesystem that is mounted at `fd` (O_PATH is enough), in all its mounts;
// others stay as they are (fspick(2)). Some filesystems ignore what they can't change.
absl::Status ReconfigureFilesystem(int fd, const std::vector<FilesystemOption>& options);

// Sets all attributes of a detached mount.
absl::Status SetMountAttributes(int tree, const MountAttributes& attributes);

// For a detached clone of mounts that are not ours: restricts all mounts of the tree as asked, and
// lifts no restriction that one has already; their access times stay unless others than kRelative
// are asked for. The clone follows what is mounted and unmounted where it was cloned from, and
// never the other way round (MS_SLAVE): taking it down takes nothing down there.
absl::Status RestrictClone(int tree, const MountAttributes& attributes);

// Attaches a detached mount on `target`, an open (O_PATH) directory or file.
absl::Status AttachMount(int tree, int target);

// umount2(2) of the topmost mount at the path; its last component is not followed. errno EBUSY
// while something uses it, EINVAL when nothing is mounted there.
absl::Status Unmount(absl::string_view path);
// Takes the topmost mount at the path out of sight, with all that is mounted beneath it, although
// something may still use it (MNT_DETACH).
absl::Status DetachMount(absl::string_view path);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_MOUNT_H_

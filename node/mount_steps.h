// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_MOUNT_STEPS_H_
#define NODEVOL_NODE_MOUNT_STEPS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "node/target_path.h"
#include "proto/storage.pb.h"
#include "storage/local_storage.h"
#include "storage/mount_flags.h"

// The steps that staging and publishing are made of (volume_mounter.h).
namespace nodevol::node {

// The name of a staged block volume in its staging directory.
inline constexpr char kStagedDevice[] = "device";

// Where a volume is staged: the path itself, or for a block volume the file `device` in it. errno
// ENOENT when the staging directory is missing.
absl::StatusOr<TargetPath> StagingPoint(const storage::LocalVolume& volume,
                                        const TargetPath& staging);

enum class Occupant { kNothing, kThisVolume, kOther };

// What is mounted at a path.
struct MountPoint {
  Occupant occupant = Occupant::kNothing;
  UniqueFd fd;  // O_PATH; not valid when the path does not exist
};
absl::StatusOr<MountPoint> LookAt(storage::LocalVolume& volume, const TargetPath& target);

// FAILED_PRECONDITION: something of somebody else is mounted there.
absl::Status Occupied(const TargetPath& target);

// The volume's mounts, but those at the two paths.
absl::StatusOr<std::vector<storage::VolumeMount>> MountsElsewhere(storage::LocalVolume& volume,
                                                                  const std::string& but,
                                                                  const std::string& and_but = "");

// Notes a mount in the index.
void Remember(storage::LocalVolume& volume, const TargetPath& target,
              const v1::VolumeCapability& capability);

// True when nobody may write through the mount or device at `fd`.
absl::StatusOr<bool> IsReadOnlyMount(const storage::LocalVolume& volume, int fd);

// A repeated call for a path where the volume is: OK when it asks for what is there, ALREADY_EXISTS
// otherwise.
absl::Status CheckSameMount(storage::LocalVolume& volume, const TargetPath& target, int fd,
                            const v1::VolumeCapability& capability, bool read_only);

// The mount flags of the capability. Whatever makes the volume read-only (the call, the access
// mode, a flag, the controller) makes it so here, so that a repeated call is compared with what was
// done.
absl::StatusOr<storage::MountFlags> FlagsOf(const storage::LocalVolume& volume,
                                            const v1::VolumeCapability& capability, bool read_only);
// Mounts a filesystem volume on the directory `target`.
absl::Status MountVolume(storage::LocalVolume& volume, const storage::MountFlags& flags,
                         int target);

// Binds the device node at `device` (O_PATH) to the file `target`.
absl::Status BindDevice(int device, int target);
// Attaches a block volume's image to a loop device of its own and binds it to the file `target`;
// undoes the first when the second fails.
absl::Status AttachAndBind(storage::LocalVolume& volume, bool read_only, int target);

// Unmounts what of this volume is mounted at the path, all layers, and frees loop devices that
// nothing is bound to any more. FAILED_PRECONDITION when something else is mounted there, or it is
// busy.
absl::Status UnmountAll(storage::LocalVolume& volume, const TargetPath& target);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_MOUNT_STEPS_H_

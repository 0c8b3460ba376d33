// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_BACKEND_H_
#define NODEVOL_STORAGE_BACKEND_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"
#include "host/loop_device.h"
#include "proto/storage.pb.h"
#include "storage/health.h"
#include "storage/mount_flags.h"
#include "storage/volume_spec.h"

namespace nodevol::storage {

// A volume's own figures, not its pool's. In bytes.
struct VolumeUsage {
  int64_t total_bytes = 0;
  int64_t used_bytes = 0;
  int64_t available_bytes = 0;
  struct Inodes {
    int64_t total = 0;  // 0: no fixed number
    int64_t used = 0;
    int64_t available = 0;
  };
  std::optional<Inodes> inodes;  // none for block devices
};

// The object whose content is copied.
struct CopySource {
  int object = -1;      // its directory
  bool in_use = false;  // somebody may write to it now
};

// What is to become the copy, in staging.
struct CopyTarget {
  int object = -1;                      // its directory
  v1::DirectoryContent directory = {};  // of its record, when it is a directory
  bool read_only = false;               // a snapshot
};

// How a volume is kept in a pool. `object` is the directory of the volume or snapshot, open for
// reading; the content is beneath it, the record beside the content. A backend keeps no state of
// its own: the disk and the kernel are asked each time. Callers hold the volume's lock.
class Backend {
 public:
  virtual ~Backend() = default;

  // ---- Content. New objects are in staging: after an error the caller removes them. ----

  // Fills in the record's content.
  virtual absl::Status Describe(const VolumeSpec& spec, v1::VolumeRecord& record) = 0;
  // The same for a snapshot of a volume.
  virtual absl::Status DescribeSnapshot(const v1::VolumeRecord& source,
                                        v1::SnapshotRecord& snapshot);
  // Makes the content of a new volume.
  virtual absl::Status Create(int object, const v1::VolumeRecord& record,
                              const VolumeSpec& spec) = 0;
  // Makes the target's content a copy of the source's, durably: for snapshots, restores and clones.
  // A copy is a point in time or it is refused: FAILED_PRECONDITION when the source is in use and
  // the filesystem can't share blocks.
  virtual absl::Status Copy(const CopySource& source, const CopyTarget& target) = 0;
  // FAILED_PRECONDITION, as Copy() says, when it would refuse a copy within the pool because the
  // source is in use. For whoever has to know it before.
  [[nodiscard]] virtual absl::Status CheckLiveCopy() const = 0;
  // Makes the content as large as the record says; it never shrinks. With it go those attributes
  // that are limits. Repeating it is cheap.
  virtual absl::Status ApplySize(int object, const v1::VolumeRecord& record) = 0;
  // Readies what a larger size needs and may be refused for lack of space, before it is promised.
  virtual absl::Status PrepareGrowth(int object, const v1::VolumeRecord& record) = 0;
  // Makes durable what the functions above did.
  virtual absl::Status SyncContent(int object) = 0;
  // Bytes of the pool that the content occupies. `directory` is the record's, when it is one.
  virtual absl::StatusOr<int64_t> WrittenBytes(int object,
                                               const v1::DirectoryContent& directory) = 0;

  // ---- Use on this node. ----

  // A detached mount of a filesystem volume, grown to its size. It is gone with its descriptor.
  virtual absl::StatusOr<UniqueFd> OpenMount(int object, const v1::VolumeRecord& record,
                                             const MountFlags& flags) = 0;
  // The block device of a raw block volume. It stays when the descriptor is closed.
  virtual absl::StatusOr<host::LoopDevice> AttachDevice(int object, const v1::VolumeRecord& record,
                                                        bool read_only) = 0;
  // True when `fd` (the root of a mount, or a device node, O_PATH is enough) is this volume.
  virtual absl::StatusOr<bool> Owns(int object, const v1::VolumeRecord& record, int fd) = 0;
  // Usage of the volume in use at `fd`.
  virtual absl::StatusOr<VolumeUsage> Usage(int object, const v1::VolumeRecord& record, int fd) = 0;
  // Brings what the user of the volume at `fd` has written from memory into the content.
  virtual absl::Status Flush(const v1::VolumeRecord& record, int fd) = 0;
  // What is wrong with the volume in use at `fd`; nothing when all is well.
  virtual std::vector<HealthCondition> HealthInUse(int object, const v1::VolumeRecord& record,
                                                   int fd) = 0;
  // UNAVAILABLE when somebody has the content open although it is mounted nowhere.
  virtual absl::Status CheckUnused(int object) = 0;
  // Gives the volume in use at `fd` the attributes of its record; those of the content are
  // ApplySize's.
  virtual absl::Status ApplyAttributesInUse(const v1::VolumeRecord& record, int fd) = 0;
  // Tells the device and the filesystem in use at `fd` that the content has grown.
  // FAILED_PRECONDITION when that can't be done while it is in use; it happens at the next stage
  // then.
  virtual absl::Status GrowInUse(int object, const v1::VolumeRecord& record, int fd) = 0;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_BACKEND_H_

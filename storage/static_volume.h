// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_STATIC_VOLUME_H_
#define NODEVOL_STORAGE_STATIC_VOLUME_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "proto/storage.pb.h"
#include "storage/volume_spec.h"

// Static volumes: what stands on a path of the node, shown to pods as it is. An administrator
// writes their PersistentVolumes by hand, with the id "static:NAME" and the path in the volume
// context. The driver keeps nothing of them and does not own their data.
namespace nodevol::storage {

// True for an id that begins as those of static volumes do.
bool IsStaticId(absl::string_view volume_id);
// INVALID_ARGUMENT for a static id whose NAME is not 1 to 100 letters, digits, "-", "_" and ".",
// the first no ".".
absl::Status CheckStaticId(absl::string_view volume_id);

// What is to be at the path, and whether it is made when it is missing: the types of Kubernetes'
// hostPath.
enum class StaticType {
  kAny,
  kDirectory,
  kDirectoryOrCreate,
  kFile,
  kFileOrCreate,
  kSocket,
  kCharDevice,
  kBlockDevice,
};

struct StaticVolume {
  std::string path;  // normal (base/path.h)
  StaticType type = StaticType::kAny;
};

// Reads a volume context. INVALID_ARGUMENT for an unknown key, no path or a bad one, an unknown
// type. Keys csi.storage.k8s.io/* are tolerated.
absl::StatusOr<StaticVolume> ParseStaticVolume(const ParameterMap& context);

// INVALID_ARGUMENT, with the reason, for a capability that no static volume has: a filesystem type,
// a mount flag that is not one of the mount alone. All access modes are allowed: what is at the
// path may be shared with other nodes.
absl::Status CheckStaticCapability(const v1::VolumeCapability& capability);
// The same for one of this type: only a BlockDevice is a raw block device.
absl::Status CheckStaticCapability(StaticType type, const v1::VolumeCapability& capability);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_STATIC_VOLUME_H_

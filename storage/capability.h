// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_CAPABILITY_H_
#define NODEVOL_STORAGE_CAPABILITY_H_

#include "absl/status/status.h"

#include "host/filesystem.h"
#include "proto/storage.pb.h"

// What this driver makes of CSI's VolumeCapability: one node, one disk.
namespace nodevol::storage {

// INVALID_ARGUMENT, with the reason, for a capability that no volume of this driver has: no access
// type, a multi-node or unknown access mode, an unknown filesystem type, a mount flag that is not
// allowed.
absl::Status CheckCapability(const v1::VolumeCapability& capability);

// FAILED_PRECONDITION when the volume lacks a capability that is well-formed: block for mount,
// another filesystem type.
absl::Status CheckVolumeHas(const v1::VolumeRecord& volume, const v1::VolumeCapability& capability);

// The filesystem in the volume's image: "" for raw block volumes and for directories.
const std::string& FilesystemTypeOf(const v1::VolumeRecord& volume);
bool IsBlock(const v1::VolumeRecord& volume);

// A mode in which nobody writes.
bool IsReadOnly(v1::AccessMode mode);
// A mode in which the volume may be published at several targets of its node.
bool AllowsSeveralTargets(v1::AccessMode mode);

bool SameCapability(const v1::VolumeCapability& a, const v1::VolumeCapability& b);

// kOther for what is no filesystem that an image can hold.
host::FilesystemType ParseFilesystemType(absl::string_view name);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_CAPABILITY_H_

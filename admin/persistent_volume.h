// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_PERSISTENT_VOLUME_H_
#define NODEVOL_ADMIN_PERSISTENT_VOLUME_H_

#include <string>

#include "absl/status/statusor.h"

#include "proto/admin.pb.h"

namespace nodevol::admin {

// A PersistentVolume, in YAML, for a volume whose own was lost, or that was undeleted. Its reclaim
// policy is Retain. `storage_class` is that of the claim, "" where none is known; where the
// volume's parameters tell its claim (the provisioner's --extra-create-metadata), it is bound to a
// new one of that name.
//
// FAILED_PRECONDITION, with the reason, for a volume that no PersistentVolume can have: deleted,
// damaged, or inline.
absl::StatusOr<std::string> PersistentVolumeYaml(const v1::GetVolumeResponse& response,
                                                 const std::string& storage_class);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_PERSISTENT_VOLUME_H_

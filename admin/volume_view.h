// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_VOLUME_VIEW_H_
#define NODEVOL_ADMIN_VOLUME_VIEW_H_

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"

#include "proto/admin.pb.h"

// Volumes and snapshots as people see them. Ages are by the clock `now`.
namespace nodevol::admin {

std::string VolumeTable(const google::protobuf::RepeatedPtrField<v1::Volume>& volumes, bool wide,
                        absl::Time now);
std::string DeletedVolumeTable(const google::protobuf::RepeatedPtrField<v1::Volume>& volumes,
                               bool wide, absl::Time now);
std::string SnapshotTable(const google::protobuf::RepeatedPtrField<v1::Snapshot>& snapshots,
                          bool wide, absl::Time now);
// Everything that is known of one volume.
std::string VolumeText(const v1::GetVolumeResponse& response, absl::Time now);
// "ext4 in an image, thick", "raw block", "directory".
std::string KindOf(const v1::Volume& volume);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_VOLUME_VIEW_H_

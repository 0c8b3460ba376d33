// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_GROUP_REQUEST_H_
#define NODEVOL_STORAGE_GROUP_REQUEST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "proto/storage.pb.h"
#include "storage/ids.h"

// What requests for group snapshots say, checked.
namespace nodevol::storage {

// The source volumes, in the order of their ids. INVALID_ARGUMENT for an empty list, one with
// duplicates or too many, and for parameters but deletionPolicy, which is passed over; NOT_FOUND
// for what is no id of a volume.
absl::StatusOr<std::vector<VolumeId>> ParseGroupRequest(const v1::GroupSnapshotRequest& request);

// ALREADY_EXISTS, naming what differs, when the group was not made by an equal request: the order
// of the volumes does not count.
absl::Status CheckSameGroup(const v1::GroupSnapshotRecord& existing,
                            const v1::GroupSnapshotRequest& request);

// INVALID_ARGUMENT, naming the first difference, unless these are the group's members, in any
// order.
absl::Status CheckGroupMembers(const v1::GroupSnapshotRecord& group,
                               const std::vector<std::string>& snapshot_ids);

[[nodiscard]] bool IsMemberOf(const v1::GroupSnapshotRecord& group, absl::string_view snapshot_id);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_GROUP_REQUEST_H_

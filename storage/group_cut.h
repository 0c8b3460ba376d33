// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_GROUP_CUT_H_
#define NODEVOL_STORAGE_GROUP_CUT_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/timestamp.pb.h"

#include "storage/node_storage.h"
#include "storage/snapshot_cut.h"

namespace nodevol::storage {

// Takes the copies of all at one instant, and returns it: a write that was durable before another
// began, on whichever of the volumes, is in the copies when the other is. Volumes that nobody uses
// stand still by themselves. When several are in use, their filesystems are frozen while they are
// copied; one that can't be frozen may be among them, since the moment of its copy is the instant
// then.
//
// FAILED_PRECONDITION when several can't be frozen, before anything is; UNAVAILABLE when the copies
// took longer than filesystems may be kept frozen; CANCELLED.
absl::StatusOr<google::protobuf::Timestamp> TakeAtOneInstant(const OperationContext& context,
                                                             std::vector<SnapshotCut>& cuts);

// What a step on one member has answered, as an error of the whole: with the volume's name, and
// with the consequences for its pool, and only for that, when its disk has failed.
absl::Status OfMember(const SnapshotCut& cut, const absl::Status& status);
absl::Status OfMember(Engine& engine, absl::string_view volume_id, const absl::Status& status);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_GROUP_CUT_H_

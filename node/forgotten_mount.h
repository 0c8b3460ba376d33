// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_FORGOTTEN_MOUNT_H_
#define NODEVOL_NODE_FORGOTTEN_MOUNT_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

#include "node/target_path.h"
#include "storage/ids.h"

namespace nodevol::node {

// Undoing what was mounted for a volume that this process can't serve: its pool was taken out of
// the configuration, its disk failed or is not mounted, or its record is damaged. The pod must
// still be able to end. What is mounted is recognised as the volume's by what the kernel says of
// its origin, and the disk is not asked. Reads the whole mount table: this is no path that a
// healthy node takes.
//
// Whether a volume that something was mounted for is the one that is undone.
using IsForgotten = absl::FunctionRef<bool(const storage::VolumeId&)>;

// OK when nothing is mounted there; FAILED_PRECONDITION when something else is.
absl::Status UndoForgottenPublish(IsForgotten is_forgotten, const TargetPath& target);
absl::Status UndoForgottenStage(IsForgotten is_forgotten, const TargetPath& staging);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_FORGOTTEN_MOUNT_H_

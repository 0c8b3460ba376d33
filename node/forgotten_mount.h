// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_FORGOTTEN_MOUNT_H_
#define NODEVOL_NODE_FORGOTTEN_MOUNT_H_

#include <string>

#include "absl/status/status.h"

#include "storage/ids.h"

namespace nodevol::node {

// Undoing what an earlier process mounted for a volume whose pool this one does not know: its disk
// may have been taken out of the configuration, and the pod must still be able to end. What is
// mounted is recognised as the volume's by what the kernel says of its origin.
//
// OK when nothing is mounted there; FAILED_PRECONDITION when something else is.
absl::Status UndoForgottenPublish(const storage::VolumeId& id, const std::string& target);
absl::Status UndoForgottenStage(const storage::VolumeId& id, const std::string& staging);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_FORGOTTEN_MOUNT_H_

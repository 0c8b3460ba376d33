// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_SNAPSHOT_MESSAGE_H_
#define NODEVOL_CONTROLLER_SNAPSHOT_MESSAGE_H_

#include "csi/csi.pb.h"
#include "proto/storage.pb.h"

namespace nodevol::controller {

// A snapshot as CSI says it. A snapshot that exists is always ready: it is cut before it is
// answered.
csi::v1::Snapshot ToCsiSnapshot(const v1::SnapshotRecord& snapshot);

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_SNAPSHOT_MESSAGE_H_

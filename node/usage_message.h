// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_USAGE_MESSAGE_H_
#define NODEVOL_NODE_USAGE_MESSAGE_H_

#include "csi/csi.pb.h"
#include "storage/backend.h"

namespace nodevol::node {

// Of a block device only its size is known.
csi::v1::NodeGetVolumeStatsResponse ToCsi(const storage::VolumeUsage& usage, bool block);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_USAGE_MESSAGE_H_

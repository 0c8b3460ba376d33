// SPDX-License-Identifier: Apache-2.0
#include "node/usage_message.h"

namespace nodevol::node {

csi::v1::NodeGetVolumeStatsResponse ToCsi(const storage::VolumeUsage& usage, bool block) {
  csi::v1::NodeGetVolumeStatsResponse response;
  csi::v1::VolumeUsage& bytes = *response.add_usage();
  bytes.set_unit(csi::v1::VolumeUsage::BYTES);
  bytes.set_total(usage.total_bytes);
  if (!block) {
    bytes.set_used(usage.used_bytes);
    bytes.set_available(usage.available_bytes);
  }
  if (usage.inodes.has_value()) {
    csi::v1::VolumeUsage& inodes = *response.add_usage();
    inodes.set_unit(csi::v1::VolumeUsage::INODES);
    inodes.set_total(usage.inodes->total);
    inodes.set_used(usage.inodes->used);
    inodes.set_available(usage.inodes->available);
  }
  return response;
}

}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_HEALTH_MESSAGE_H_
#define NODEVOL_RPC_HEALTH_MESSAGE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

#include "csi/csi.pb.h"
#include "storage/local_storage.h"

// Health as CSI says it.
namespace nodevol::rpc {

// Each pair of status and reason once, as the spec demands.
csi::v1::VolumeHealth ToCsi(const storage::VolumeHealth& health);

// The pools' conditions, those of one reason in one message that names the pools.
csi::v1::NodeGetStorageHealthResponse ToCsi(
    const std::vector<storage::LocalStorage::PoolHealth>& pools);

// UNIMPLEMENTED: the flag --health was not given.
absl::Status HealthIsOff();

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_HEALTH_MESSAGE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_REQUESTS_H_
#define NODEVOL_TEST_SCALE_REQUESTS_H_

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "csi/csi.pb.h"
#include "proto/storage.pb.h"

// What is asked for in a simulated cluster: what external-provisioner asks for where it is told to
// send the names of claims, so that records are as long as real ones.
namespace nodevol::testing {

// The driver's default, of which topologies and trust domain are made.
inline constexpr char kDriverName[] = "csi.nodevol.io";
inline constexpr int64_t kVolumeBytes = kGiB;

// As the provisioner has it, at the node; "" for anywhere.
csi::v1::CreateVolumeRequest AskedRequest(const std::string& name, const std::string& node);
// The same as it comes to the node.
v1::VolumeRequest StoredRequest(const std::string& name);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_REQUESTS_H_

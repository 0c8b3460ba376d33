// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_CONVERT_H_
#define NODEVOL_RPC_CONVERT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"

#include "csi/csi.pb.h"
#include "proto/storage.pb.h"

// Between CSI's messages and the engine's. FromCsi and ToCsi decide nothing: what CSI says oddly
// (an unknown enum value, an access type that is not set) stays odd, for the engine to refuse.
namespace nodevol::rpc {

v1::VolumeCapability FromCsi(const csi::v1::VolumeCapability& capability);
std::vector<v1::VolumeCapability> FromCsi(
    const google::protobuf::RepeatedPtrField<csi::v1::VolumeCapability>& capabilities);
// The same for one that a call names, checked: INVALID_ARGUMENT, with the reason, for a capability
// that no volume of this driver has.
absl::StatusOr<v1::VolumeCapability> ParseCapability(const csi::v1::VolumeCapability& capability);
// The same for one of a static volume.
absl::StatusOr<v1::VolumeCapability> ParseStaticCapability(
    const csi::v1::VolumeCapability& capability);
v1::CapacityRange FromCsi(const csi::v1::CapacityRange& range);
v1::ContentSource FromCsi(const csi::v1::VolumeContentSource& source);
csi::v1::VolumeContentSource ToCsi(const v1::ContentSource& source);

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_CONVERT_H_

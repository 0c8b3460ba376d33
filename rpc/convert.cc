// SPDX-License-Identifier: Apache-2.0
#include "rpc/convert.h"

#include "base/status_macros.h"
#include "storage/capability.h"
#include "storage/static_volume.h"

namespace nodevol::rpc {
namespace {

// The engine has no such field: what is not refused here would be lost without a word.
absl::Status CheckNoMountGroup(const csi::v1::VolumeCapability& capability) {
  if (capability.mount().volume_mount_group().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "volume_mount_group is not supported; the CO applies fsGroup itself");
}

}  // namespace

v1::VolumeCapability FromCsi(const csi::v1::VolumeCapability& capability) {
  v1::VolumeCapability converted;
  if (capability.has_block()) {
    converted.mutable_block();
  } else if (capability.has_mount()) {
    v1::MountAccess& mount = *converted.mutable_mount();
    mount.set_fs_type(capability.mount().fs_type());
    *mount.mutable_mount_flags() = capability.mount().mount_flags();
  }
  // The numbers are CSI's; one that neither side knows stays as it is (proto3 enums are open).
  converted.set_access_mode(static_cast<v1::AccessMode>(capability.access_mode().mode()));
  return converted;
}

std::vector<v1::VolumeCapability> FromCsi(
    const google::protobuf::RepeatedPtrField<csi::v1::VolumeCapability>& capabilities) {
  std::vector<v1::VolumeCapability> converted;
  converted.reserve(static_cast<size_t>(capabilities.size()));
  for (const csi::v1::VolumeCapability& capability : capabilities) {
    converted.push_back(FromCsi(capability));
  }
  return converted;
}

absl::StatusOr<v1::VolumeCapability> ParseCapability(const csi::v1::VolumeCapability& capability) {
  RETURN_IF_ERROR(CheckNoMountGroup(capability));
  v1::VolumeCapability converted = FromCsi(capability);
  RETURN_IF_ERROR(storage::CheckCapability(converted));
  return converted;
}

absl::StatusOr<v1::VolumeCapability> ParseStaticCapability(
    const csi::v1::VolumeCapability& capability) {
  RETURN_IF_ERROR(CheckNoMountGroup(capability));
  v1::VolumeCapability converted = FromCsi(capability);
  RETURN_IF_ERROR(storage::CheckStaticCapability(converted));
  return converted;
}

v1::CapacityRange FromCsi(const csi::v1::CapacityRange& range) {
  v1::CapacityRange converted;
  converted.set_required_bytes(range.required_bytes());
  converted.set_limit_bytes(range.limit_bytes());
  return converted;
}

v1::ContentSource FromCsi(const csi::v1::VolumeContentSource& source) {
  v1::ContentSource converted;
  if (source.has_snapshot()) converted.set_snapshot_id(source.snapshot().snapshot_id());
  if (source.has_volume()) converted.set_volume_id(source.volume().volume_id());
  return converted;
}

csi::v1::VolumeContentSource ToCsi(const v1::ContentSource& source) {
  csi::v1::VolumeContentSource converted;
  if (source.has_snapshot_id()) converted.mutable_snapshot()->set_snapshot_id(source.snapshot_id());
  if (source.has_volume_id()) converted.mutable_volume()->set_volume_id(source.volume_id());
  return converted;
}

}  // namespace nodevol::rpc

// SPDX-License-Identifier: Apache-2.0
#include "identity/identity_handler.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace nodevol::identity {

absl::Status CheckDriverName(absl::string_view name) {
  constexpr size_t kMaxCharacters = 63;
  const bool characters = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.';
  });
  if (name.empty() || name.size() > kMaxCharacters || !characters ||
      !absl::ascii_isalnum(static_cast<unsigned char>(name.front())) ||
      !absl::ascii_isalnum(static_cast<unsigned char>(name.back()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("driver name \"", name, "\" must be a domain name of at most ", kMaxCharacters,
                     " letters, digits, \"-\" and \".\", such as csi.nodevol.io"));
  }
  return absl::OkStatus();
}

csi::v1::GetPluginInfoResponse IdentityHandler::GetPluginInfo() const {
  csi::v1::GetPluginInfoResponse response;
  response.set_name(options_.driver_name);
  response.set_vendor_version(options_.version);
  return response;
}

csi::v1::GetPluginCapabilitiesResponse IdentityHandler::GetPluginCapabilities() const {
  using csi::v1::PluginCapability;
  csi::v1::GetPluginCapabilitiesResponse response;
  if (options_.has_controller) {
    response.add_capabilities()->mutable_service()->set_type(
        PluginCapability::Service::CONTROLLER_SERVICE);
    response.add_capabilities()->mutable_service()->set_type(
        PluginCapability::Service::GROUP_CONTROLLER_SERVICE);
    response.add_capabilities()->mutable_service()->set_type(
        PluginCapability::Service::SNAPSHOT_METADATA_SERVICE);
  }
  response.add_capabilities()->mutable_service()->set_type(
      PluginCapability::Service::VOLUME_ACCESSIBILITY_CONSTRAINTS);
  response.add_capabilities()->mutable_volume_expansion()->set_type(
      PluginCapability::VolumeExpansion::ONLINE);
  return response;
}

csi::v1::ProbeResponse IdentityHandler::Probe() const {
  csi::v1::ProbeResponse response;
  response.mutable_ready()->set_value(true);
  return response;
}

}  // namespace nodevol::identity

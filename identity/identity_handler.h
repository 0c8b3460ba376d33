// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_IDENTITY_IDENTITY_HANDLER_H_
#define NODEVOL_IDENTITY_IDENTITY_HANDLER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "csi/csi.pb.h"

namespace nodevol::identity {

// INVALID_ARGUMENT unless the name is one that CSI allows (spec, GetPluginInfo): a domain name of
// at most 63 characters that begins and ends with a letter or digit.
absl::Status CheckDriverName(absl::string_view name);

struct IdentityOptions {
  std::string driver_name;
  std::string version;
  // Controller, GroupController and SnapshotMetadata are served, here or by another instance: what
  // is announced is the plugin's as a whole (spec, GetPluginCapabilities).
  bool has_controller = false;
};

// Decides csi.v1.Identity. Answers at once, from memory.
class IdentityHandler {
 public:
  explicit IdentityHandler(IdentityOptions options) : options_(std::move(options)) {}

  [[nodiscard]] csi::v1::GetPluginInfoResponse GetPluginInfo() const;
  [[nodiscard]] csi::v1::GetPluginCapabilitiesResponse GetPluginCapabilities() const;
  // Ready while the process answers, whatever its pools do: who probes kills what fails, and that
  // mends no disk, but takes unpublish and unstage away from the pods that end. A driver that is
  // not ready yet does not serve.
  [[nodiscard]] csi::v1::ProbeResponse Probe() const;

 private:
  const IdentityOptions options_;
};

}  // namespace nodevol::identity

#endif  // NODEVOL_IDENTITY_IDENTITY_HANDLER_H_

// SPDX-License-Identifier: Apache-2.0
#include "admin/persistent_volume.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "admin/text.h"
#include "base/status_macros.h"

namespace nodevol::admin {
namespace {

constexpr size_t kMaxNameBytes = 253;  // of an object in Kubernetes

std::string Quote(absl::string_view text) { return absl::StrCat("\"", Quoted(text), "\""); }

// The volume's own name is what the provisioner would call it, when Kubernetes takes it.
std::string ObjectName(const v1::Volume& volume) {
  const std::string& name = volume.name();
  const auto alphanumeric = [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
           absl::ascii_islower(static_cast<unsigned char>(c));
  };
  const bool taken =
      !name.empty() && name.size() <= kMaxNameBytes && alphanumeric(name.front()) &&
      alphanumeric(name.back()) &&
      std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || c == '-'; });
  return taken ? name : absl::StrCat("nodevol-", volume.id().substr(volume.id().find('.') + 1));
}

const char* AccessMode(nodevol::v1::AccessMode mode) {
  return mode == nodevol::v1::SINGLE_NODE_SINGLE_WRITER ? "ReadWriteOncePod" : "ReadWriteOnce";
}

absl::Status CheckCanHaveOne(const v1::Volume& volume) {
  if (volume.state() == "deleted") {
    return absl::FailedPreconditionError(
        absl::StrCat("the volume is deleted; bring it back first: nodevol undelete ", volume.id()));
  }
  if (volume.state() == "damaged") {
    return absl::FailedPreconditionError(
        absl::StrCat("the volume is damaged, so nothing is known of it: ", volume.reason()));
  }
  if (!volume.inline_target_path().empty()) {
    return absl::FailedPreconditionError(
        "the volume is an inline volume of one pod, which has no PersistentVolume");
  }
  return absl::OkStatus();
}

// The values of the class and of Kubernetes' own that name the claim.
std::string ClaimOf(const nodevol::v1::VolumeRecord& record) {
  const auto& parameters = record.request().parameters();
  const auto name = parameters.find("csi.storage.k8s.io/pvc/name");
  const auto space = parameters.find("csi.storage.k8s.io/pvc/namespace");
  if (name == parameters.end() || space == parameters.end()) return "";
  return absl::StrCat(
      "  claimRef:\n    apiVersion: v1\n    kind: PersistentVolumeClaim\n    name: ",
      Quote(name->second), "\n    namespace: ", Quote(space->second), "\n");
}

std::string MapOf(const google::protobuf::Map<std::string, std::string>& map,
                  absl::string_view indent) {
  std::string text;
  for (const auto& [key, value] : std::map<std::string, std::string>(map.begin(), map.end())) {
    absl::StrAppend(&text, indent, Quote(key), ": ", Quote(value), "\n");
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> PersistentVolumeYaml(const v1::GetVolumeResponse& response,
                                                 const std::string& storage_class) {
  const v1::Volume& volume = response.volume();
  RETURN_IF_ERROR(CheckCanHaveOne(volume));
  std::set<std::string> modes;
  std::set<std::string> flags;
  for (const nodevol::v1::VolumeCapability& capability :
       response.record().request().capabilities()) {
    modes.insert(AccessMode(capability.access_mode()));
    flags.insert(capability.mount().mount_flags().begin(), capability.mount().mount_flags().end());
  }
  const std::string& driver = response.node().driver_name();
  std::string yaml = absl::StrCat(
      "apiVersion: v1\nkind: PersistentVolume\nmetadata:\n  name: ", Quote(ObjectName(volume)),
      "\n  annotations:\n    \"pv.kubernetes.io/provisioned-by\": ", Quote(driver),
      "\nspec:\n  capacity:\n    storage: \"", volume.size_bytes(),
      "\"\n  volumeMode: ", volume.block() ? "Block" : "Filesystem", "\n  accessModes:\n");
  for (const std::string& mode : modes) absl::StrAppend(&yaml, "    - ", mode, "\n");
  absl::StrAppend(&yaml,
                  "  # Retain: deleting the claim keeps the data. Change it when all is well.\n"
                  "  persistentVolumeReclaimPolicy: Retain\n");
  if (storage_class.empty()) {
    absl::StrAppend(&yaml,
                    "  # The claim's class, which the volume does not know (--storage-class).\n"
                    "  storageClassName: \"\"\n");
  } else {
    absl::StrAppend(&yaml, "  storageClassName: ", Quote(storage_class), "\n");
  }
  absl::StrAppend(&yaml, ClaimOf(response.record()));
  if (!flags.empty()) absl::StrAppend(&yaml, "  mountOptions:\n");
  for (const std::string& flag : flags) absl::StrAppend(&yaml, "    - ", Quote(flag), "\n");
  absl::StrAppend(&yaml, "  csi:\n    driver: ", Quote(driver),
                  "\n    volumeHandle: ", Quote(volume.id()), "\n");
  if (!volume.fs_type().empty()) {
    absl::StrAppend(&yaml, "    fsType: ", Quote(volume.fs_type()), "\n");
  }
  if (!response.record().volume_context().empty()) {
    absl::StrAppend(&yaml, "    volumeAttributes:\n",
                    MapOf(response.record().volume_context(), "      "));
  }
  absl::StrAppend(&yaml,
                  "  nodeAffinity:\n    required:\n      nodeSelectorTerms:\n"
                  "        - matchExpressions:\n");
  for (const auto& [key, value] : response.node().topology()) {
    absl::StrAppend(&yaml, "            - key: ", Quote(key),
                    "\n              operator: In\n              values:\n                - ",
                    Quote(value), "\n");
  }
  return yaml;
}

}  // namespace nodevol::admin

// SPDX-License-Identifier: Apache-2.0
#include "node/inline_volume.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/errno_status.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/status_macros.h"
#include "node/mount_steps.h"
#include "node/request_path.h"
#include "rpc/convert.h"
#include "storage/capability.h"
#include "storage/static_volume.h"

namespace nodevol::node {
namespace {

constexpr char kEphemeralKey[] = "csi.storage.k8s.io/ephemeral";
constexpr char kFsTypeKey[] = "csi.storage.k8s.io/fstype";
constexpr absl::string_view kKubernetesPrefix = "csi.storage.k8s.io/";
constexpr char kSizeKey[] = "size";
// Parameters of a StorageClass that mean the same here.
constexpr std::array<absl::string_view, 7> kParameters = {
    "pool", "backend", "provisioning", "mkfsOptions", "mode", "uid", "gid"};

absl::Status CheckId(const std::string& volume_id) {
  if (storage::IsStaticId(volume_id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("volume_id \"", volume_id,
                     "\" is a static volume's; a static volume has a PersistentVolume and is never "
                     "inline"));
  }
  if (storage::VolumeId::Parse(volume_id).has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("volume_id ", volume_id, " is that of a volume that CreateVolume made; leave ",
                     kEphemeralKey, " out"));
  }
  if (!storage::IsInlineId(volume_id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("volume_id \"", volume_id,
                     "\" is no inline volume's; kubelet makes them of \"csi-\" and 64 hex "
                     "characters"));
  }
  return absl::OkStatus();
}

absl::Status UnknownAttribute(const std::string& key) {
  if (key == "path" || key == "type") {
    return absl::InvalidArgumentError(
        absl::StrCat("volume attribute \"", key,
                     "\" is one of static volumes, which an administrator provides with a "
                     "PersistentVolume; an inline volume is always a new one"));
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown volume attribute \"", key,
                                                 "\"; those of an inline volume are ", kSizeKey,
                                                 ", ", absl::StrJoin(kParameters, ", ")));
}

absl::Status ApplyAttribute(const std::string& key, const std::string& value,
                            v1::VolumeRequest& request) {
  if (key == kSizeKey) {
    const absl::StatusOr<int64_t> bytes = ParseQuantity(value);
    if (!bytes.ok()) return Annotate(bytes.status(), "volume attribute size");
    request.mutable_capacity_range()->set_required_bytes(*bytes);
  } else if (key == kFsTypeKey || absl::c_linear_search(kParameters, key)) {
    (*request.mutable_parameters())[key] = value;
  } else if (!absl::StartsWith(key, kKubernetesPrefix)) {
    // What Kubernetes says of the pod is not kept; it may be a token.
    return UnknownAttribute(key);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> IsInline(const csi::v1::NodePublishVolumeRequest& request) {
  const auto found = request.volume_context().find(kEphemeralKey);
  if (found == request.volume_context().end() || found->second == "false") return false;
  if (found->second == "true") return true;
  return absl::InvalidArgumentError(absl::StrCat("volume_context: ", kEphemeralKey, " is \"",
                                                 found->second, "\"; it is true or false"));
}

absl::StatusOr<InlineVolume> ParseInlineVolume(const csi::v1::NodePublishVolumeRequest& request) {
  RETURN_IF_ERROR(CheckId(request.volume_id()));
  InlineVolume inline_volume;
  inline_volume.owner.set_volume_id(request.volume_id());
  absl::StatusOr<std::string> target = NormalizePath(request.target_path());
  if (!target.ok()) return Annotate(target.status(), kTargetPath);
  inline_volume.owner.set_target_path(*std::move(target));
  v1::VolumeRequest& wanted = inline_volume.request;
  wanted.set_name(request.volume_id());
  ASSIGN_OR_RETURN(*wanted.add_capabilities(), rpc::ParseCapability(request.volume_capability()));
  if (wanted.capabilities(0).has_block()) {
    return absl::InvalidArgumentError(
        "an inline volume has a filesystem; for a raw block device use a PersistentVolumeClaim or "
        "a generic ephemeral volume with volumeMode Block");
  }
  for (const auto& [key, value] : request.volume_context()) {
    RETURN_IF_ERROR(ApplyAttribute(key, value, wanted));
  }
  // Again when it is made; here so that an impossible request is told from a full node.
  RETURN_IF_ERROR(storage::ParseVolumeSpec(wanted).status());
  return inline_volume;
}

absl::Status PublishInline(storage::LocalVolume& volume, const TargetPath& target,
                           const v1::VolumeCapability& capability, bool read_only) {
  RETURN_IF_ERROR(storage::CheckVolumeHas(*volume.record, capability));
  ASSIGN_OR_RETURN(const storage::MountFlags flags, FlagsOf(volume, capability, read_only));
  {
    ASSIGN_OR_RETURN(const MountPoint now, LookAt(volume, target));
    if (now.occupant == Occupant::kOther) return Occupied(target);
    if (now.occupant == Occupant::kThisVolume) {
      return CheckSameMount(volume, target, now.fd.get(), capability, flags.attributes.read_only);
    }
  }
  ASSIGN_OR_RETURN(const std::vector<storage::VolumeMount> elsewhere,
                   MountsElsewhere(volume, target.canonical));
  if (!elsewhere.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the volume is mounted at ", elsewhere.front().path, "; unmount it there first"));
  }
  ASSIGN_OR_RETURN(NewTarget made, NewTarget::Make(target, TargetKind::kDirectory));
  RETURN_IF_ERROR(MountVolume(volume, flags, made.fd()));
  made.Keep();
  Remember(volume, target, capability);
  return absl::OkStatus();
}

}  // namespace nodevol::node

// SPDX-License-Identifier: Apache-2.0
#include "storage/static_volume.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "base/errno_status.h"
#include "base/path.h"
#include "base/status_macros.h"
#include "storage/mount_flags.h"

namespace nodevol::storage {
namespace {

constexpr absl::string_view kPrefix = "static:";
constexpr size_t kMaxNameBytes = 100;
constexpr absl::string_view kKubernetesPrefix = "csi.storage.k8s.io/";

constexpr std::array kTypes = {
    std::pair{absl::string_view(""), StaticType::kAny},
    std::pair{absl::string_view("Directory"), StaticType::kDirectory},
    std::pair{absl::string_view("DirectoryOrCreate"), StaticType::kDirectoryOrCreate},
    std::pair{absl::string_view("File"), StaticType::kFile},
    std::pair{absl::string_view("FileOrCreate"), StaticType::kFileOrCreate},
    std::pair{absl::string_view("Socket"), StaticType::kSocket},
    std::pair{absl::string_view("CharDevice"), StaticType::kCharDevice},
    std::pair{absl::string_view("BlockDevice"), StaticType::kBlockDevice},
};

absl::StatusOr<StaticType> ParseType(absl::string_view text) {
  for (const auto& [name, type] : kTypes) {
    if (text == name) return type;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("volume attribute type: \"", text,
                   "\" is not known; use Directory, DirectoryOrCreate, File, FileOrCreate, Socket, "
                   "CharDevice or "
                   "BlockDevice, or leave it out"));
}

}  // namespace

bool IsStaticId(absl::string_view volume_id) { return absl::StartsWith(volume_id, kPrefix); }

absl::Status CheckStaticId(absl::string_view volume_id) {
  const absl::string_view name = absl::StripPrefix(volume_id, kPrefix);
  const bool good = IsStaticId(volume_id) && !name.empty() && name.size() <= kMaxNameBytes &&
                    name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
                      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
                             c == '_' || c == '.';
                    });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("volume_id \"", volume_id, "\": the id of a static volume is ", kPrefix,
                   "NAME, with a NAME of at most ", kMaxNameBytes,
                   " letters, digits, \"-\", \"_\" and \".\" that does not begin with \".\""));
}

absl::StatusOr<StaticVolume> ParseStaticVolume(const ParameterMap& context) {
  StaticVolume volume;
  for (const auto& [key, value] : context) {
    if (key == "path") {
      absl::StatusOr<std::string> path = NormalizePath(value);
      if (!path.ok()) return Annotate(path.status(), "volume attribute path");
      volume.path = *std::move(path);
    } else if (key == "type") {
      ASSIGN_OR_RETURN(volume.type, ParseType(value));
    } else if (!absl::StartsWith(key, kKubernetesPrefix)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown volume attribute \"", key, "\"; those of a static volume are path and type"));
    }
  }
  if (volume.path.empty()) {
    return absl::InvalidArgumentError(
        "volume attribute path is missing: a static volume is what stands at a path of the node");
  }
  return volume;
}

absl::Status CheckStaticCapability(const v1::VolumeCapability& capability) {
  const v1::AccessMode mode = capability.access_mode();
  if (mode == v1::ACCESS_MODE_UNKNOWN || !v1::AccessMode_IsValid(mode)) {
    return absl::InvalidArgumentError(absl::StrCat("unknown access mode ", static_cast<int>(mode)));
  }
  if (capability.has_block()) return absl::OkStatus();
  if (!capability.has_mount()) {
    return absl::InvalidArgumentError("the volume capability has no access type (block or mount)");
  }
  if (!capability.mount().fs_type().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("filesystem type \"", capability.mount().fs_type(),
                     "\": a static volume is a part of a filesystem of the node; leave the "
                     "PersistentVolume's fsType out"));
  }
  const auto& flags = capability.mount().mount_flags();
  return ParseMountFlags("", {flags.begin(), flags.end()}).status();
}

absl::Status CheckStaticCapability(StaticType type, const v1::VolumeCapability& capability) {
  RETURN_IF_ERROR(CheckStaticCapability(capability));
  if (!capability.has_block() || type == StaticType::kBlockDevice) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "volumeMode Block needs a static volume of type BlockDevice; use volumeMode Filesystem for "
      "all others");
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/volume_attributes.h"

#include <array>
#include <cstdint>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

#include "base/status_macros.h"
#include "storage/capability.h"

namespace nodevol::storage {
namespace {

constexpr absl::string_view kInodeLimit = "inodeLimit";
constexpr absl::string_view kUndeleteWindow = "undeleteWindow";
constexpr absl::string_view kDiscard = "discard";
constexpr std::array kAttributes = {kInodeLimit, kUndeleteWindow, kDiscard};

// Whoever wants to keep more than this wants a backup.
constexpr absl::Duration kLongestWindow = absl::Hours(24 * 366);

absl::Status BadValue(absl::string_view key, absl::string_view value, absl::string_view remedy) {
  return absl::InvalidArgumentError(
      absl::StrCat("parameter ", key, ": \"", value, "\" is not valid; ", remedy));
}

absl::Status SetInodeLimit(absl::string_view value, v1::VolumeAttributes& attributes) {
  int64_t limit = 0;
  if (!absl::SimpleAtoi(value, &limit) || limit < 0) {
    return BadValue(kInodeLimit, value, "use a number of inodes, or 0 for no limit");
  }
  attributes.set_inode_limit(limit);
  return absl::OkStatus();
}

absl::Status SetUndeleteWindow(absl::string_view value, v1::VolumeAttributes& attributes) {
  absl::Duration window;
  const bool parsed = absl::ParseDuration(value, &window);
  if (!parsed || window < absl::ZeroDuration() || window > kLongestWindow) {
    return BadValue(kUndeleteWindow, value,
                    "use a duration of at most 8784h, such as 24h or 90m, or 0 for none");
  }
  attributes.set_undelete_window_seconds(
      absl::ToInt64Seconds(absl::Ceil(window, absl::Seconds(1))));
  return absl::OkStatus();
}

absl::Status SetDiscard(absl::string_view value, v1::VolumeAttributes& attributes) {
  if (value != "true" && value != "false") return BadValue(kDiscard, value, "use true or false");
  attributes.set_discard(value == "true");
  return absl::OkStatus();
}

}  // namespace

bool IsAttribute(absl::string_view key) { return absl::c_linear_search(kAttributes, key); }

absl::Status SetAttribute(absl::string_view key, absl::string_view value,
                          v1::VolumeAttributes& attributes) {
  if (key == kInodeLimit) return SetInodeLimit(value, attributes);
  if (key == kUndeleteWindow) return SetUndeleteWindow(value, attributes);
  if (key == kDiscard) return SetDiscard(value, attributes);
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown mutable parameter \"", key, "\"; known are ", absl::StrJoin(kAttributes, ", ")));
}

absl::Status SetAttributes(const google::protobuf::Map<std::string, std::string>& parameters,
                           v1::VolumeAttributes& attributes) {
  v1::VolumeAttributes changed = attributes;
  for (const auto& [key, value] : parameters) {
    RETURN_IF_ERROR(SetAttribute(key, value, changed));
  }
  attributes = changed;
  return absl::OkStatus();
}

absl::Status CheckAttributes(const v1::VolumeRecord& volume) {
  const v1::VolumeAttributes& attributes = volume.attributes();
  if (attributes.inode_limit() != 0 &&
      volume.directory().limit() != v1::DirectoryContent::PROJECT_QUOTA) {
    return absl::InvalidArgumentError(absl::StrCat(
        "parameter inodeLimit: ", volume.has_image() ? "an image" : "a btrfs subvolume",
        " has no limit of inodes that can be set; it needs backend directory on a pool on xfs or "
        "ext4 with project quotas"));
  }
  if (!attributes.discard()) return absl::OkStatus();
  if (volume.has_directory()) {
    return absl::InvalidArgumentError(
        "parameter discard: a directory gives space back in any case; leave the parameter out");
  }
  if (IsBlock(volume)) {
    return absl::InvalidArgumentError(
        "parameter discard: what discards on a raw block volume is its pod, and that always gives "
        "space back; leave the parameter out");
  }
  if (volume.image().thick()) {
    return absl::InvalidArgumentError(
        "parameter discard: gives a volume's blocks back, and provisioning thick is to keep them; "
        "use one or the other");
  }
  return absl::OkStatus();
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/volume_spec.h"

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "storage/capability.h"
#include "storage/mkfs_options.h"
#include "storage/mount_flags.h"
#include "storage/volume_attributes.h"

namespace nodevol::storage {
namespace {

constexpr absl::string_view kKubernetesPrefix = "csi.storage.k8s.io/";
constexpr absl::string_view kFsTypeKey = "csi.storage.k8s.io/fstype";
constexpr int64_t kDefaultSize = kGiB;  // when neither a size nor a limit is asked for

absl::Status BadValue(absl::string_view key, absl::string_view value, absl::string_view remedy) {
  return absl::InvalidArgumentError(
      absl::StrCat("parameter ", key, ": \"", value, "\" is not valid; ", remedy));
}

absl::StatusOr<uint32_t> ParseOwner(absl::string_view key, absl::string_view value) {
  uint32_t id = 0;
  // The all-ones id means "leave it" to chown(2).
  if (!absl::SimpleAtoi(value, &id) || id == static_cast<uint32_t>(-1)) {
    return BadValue(key, value, "use a numeric id from 0 to 4294967294");
  }
  return id;
}

absl::StatusOr<mode_t> ParseMode(absl::string_view value) {
  constexpr size_t kMaxDigits = 5;  // "07777"
  const bool octal = !value.empty() && value.size() <= kMaxDigits &&
                     value.find_first_not_of("01234567") == absl::string_view::npos;
  mode_t mode = 0;
  for (const char digit : value) mode = mode * 8 + static_cast<mode_t>(digit - '0');
  if (!octal || mode > 07777) {
    return BadValue("mode", value, "use an octal number from 0 to 7777, such as 0770");
  }
  return mode;
}

absl::Status ApplyParameter(const std::string& key, const std::string& value, VolumeSpec& spec) {
  if (key == "pool") {
    if (value.empty()) return BadValue(key, value, "name a pool, or leave the parameter out");
    spec.pool = value;
  } else if (key == "backend") {
    if (value == "auto") {
      spec.backend = BackendChoice::kAuto;
    } else if (value == "directory") {
      spec.backend = BackendChoice::kDirectory;
    } else if (value == "image") {
      spec.backend = BackendChoice::kImage;
    } else {
      return BadValue(key, value, "use auto, directory or image");
    }
  } else if (key == "provisioning") {
    if (value != "thin" && value != "thick") return BadValue(key, value, "use thin or thick");
    spec.thick = value == "thick";
  } else if (key == "mkfsOptions") {
    spec.mkfs_options = value;
  } else if (key == "mode") {
    ASSIGN_OR_RETURN(spec.root.mode, ParseMode(value));
  } else if (key == "uid") {
    ASSIGN_OR_RETURN(spec.root.uid, ParseOwner(key, value));
  } else if (key == "gid") {
    ASSIGN_OR_RETURN(spec.root.gid, ParseOwner(key, value));
  } else if (key == kFsTypeKey) {
    if (!value.empty() && ParseFilesystemType(value) == host::FilesystemType::kOther) {
      return BadValue(key, value, "use ext4, xfs or btrfs");
    }
    spec.fs_type = value;
  } else if (IsAttribute(key)) {
    return SetAttribute(key, value, spec.attributes);
  } else if (!absl::StartsWith(key, kKubernetesPrefix)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown parameter \"", key,
        "\"; known are pool, backend, provisioning, mkfsOptions, mode, uid, gid, inodeLimit, "
        "undeleteWindow, discard and ",
        kFsTypeKey));
  }
  return absl::OkStatus();
}

absl::Status ApplyCapabilities(const std::vector<v1::VolumeCapability>& capabilities,
                               VolumeSpec& spec) {
  for (const v1::VolumeCapability& capability : capabilities) {
    RETURN_IF_ERROR(CheckCapability(capability));
    if (capability.has_block() != capabilities.front().has_block()) {
      return absl::InvalidArgumentError(
          "a volume is either a raw block device or a filesystem; the capabilities ask for both");
    }
    const auto& flags = capability.mount().mount_flags();
    spec.filesystem_flags |= !ParseMountFlags("", {flags.begin(), flags.end()}).ok();
    const std::string& fs_type = capability.mount().fs_type();
    if (fs_type.empty()) continue;
    if (!spec.fs_type.empty() && spec.fs_type != fs_type) {
      return absl::InvalidArgumentError(
          absl::StrCat("two filesystem types are asked for: ", spec.fs_type, " and ", fs_type));
    }
    spec.fs_type = fs_type;
  }
  spec.block = !capabilities.empty() && capabilities.front().has_block();
  if (spec.block) spec.fs_type.clear();
  return absl::OkStatus();
}

// What contradicts itself whatever the pool.
absl::Status CheckBackend(const VolumeSpec& spec) {
  if (spec.backend != BackendChoice::kDirectory) return absl::OkStatus();
  if (spec.block) {
    return absl::InvalidArgumentError(
        "backend directory can't be a raw block volume; use backend image");
  }
  if (!spec.fs_type.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("backend directory has no filesystem of its own; leave the filesystem type (",
                     spec.fs_type, ") out, or use backend image"));
  }
  if (spec.thick) {
    return absl::InvalidArgumentError(
        "provisioning thick needs backend image: a directory's space can't be reserved");
  }
  if (!spec.mkfs_options.empty()) {
    return absl::InvalidArgumentError("mkfsOptions need backend image");
  }
  return absl::OkStatus();
}

// Keys that Kubernetes adds may change between two requests for the same volume.
std::map<std::string, std::string> OwnParameters(const ParameterMap& parameters) {
  std::map<std::string, std::string> own;
  for (const auto& [key, value] : parameters) {
    if (key == kFsTypeKey || !absl::StartsWith(key, kKubernetesPrefix)) own.emplace(key, value);
  }
  return own;
}

bool SameCapabilities(const v1::VolumeRequest& a, const v1::VolumeRequest& b) {
  const auto contains_all = [](const v1::VolumeRequest& outer, const v1::VolumeRequest& inner) {
    return std::all_of(inner.capabilities().begin(), inner.capabilities().end(),
                       [&outer](const v1::VolumeCapability& wanted) {
                         return std::any_of(outer.capabilities().begin(),
                                            outer.capabilities().end(),
                                            [&wanted](const v1::VolumeCapability& candidate) {
                                              return SameCapability(candidate, wanted);
                                            });
                       });
  };
  return contains_all(a, b) && contains_all(b, a);
}

bool SizeFits(const v1::VolumeRecord& existing, const v1::CapacityRange& range) {
  const v1::CapacityRange& asked = existing.request().capacity_range();
  if (range.required_bytes() == asked.required_bytes() &&
      range.limit_bytes() == asked.limit_bytes()) {
    return true;  // the very request that made it, also after the volume has grown
  }
  return existing.size_bytes() >= range.required_bytes() &&
         (range.limit_bytes() == 0 || existing.size_bytes() <= range.limit_bytes());
}

absl::Status Differs(const v1::VolumeRecord& existing, absl::string_view what) {
  return absl::AlreadyExistsError(absl::StrCat("volume \"", existing.request().name(),
                                               "\" exists with another ", what,
                                               "; use another name, or the request that made it"));
}

}  // namespace

absl::StatusOr<VolumeSpec> ParseVolumeSpec(const ParameterMap& parameters,
                                           const std::vector<v1::VolumeCapability>& capabilities) {
  VolumeSpec spec;
  for (const auto& [key, value] : parameters) RETURN_IF_ERROR(ApplyParameter(key, value, spec));
  RETURN_IF_ERROR(ApplyCapabilities(capabilities, spec));
  RETURN_IF_ERROR(CheckBackend(spec));
  return spec;
}

absl::StatusOr<VolumeSpec> ParseVolumeSpec(const v1::VolumeRequest& request) {
  ASSIGN_OR_RETURN(VolumeSpec spec,
                   ParseVolumeSpec(request.parameters(),
                                   {request.capabilities().begin(), request.capabilities().end()}));
  RETURN_IF_ERROR(SetAttributes(request.mutable_parameters(), spec.attributes));
  return spec;
}

absl::Status AdoptSource(const v1::ImageContent& image, bool directory, VolumeSpec& spec) {
  const bool source_is_block = !directory && image.fs_type().empty();
  if (spec.block != source_is_block) {
    return absl::InvalidArgumentError(
        source_is_block ? "the source is a raw block volume; it can't become a filesystem volume"
                        : "the source has a filesystem; it can't become a raw block volume");
  }
  if (directory && (spec.NeedsImage() || spec.backend == BackendChoice::kImage)) {
    return absl::InvalidArgumentError(
        "the source is a directory; it can't become an image: use backend directory or auto, and "
        "leave out the filesystem type, provisioning thick, mkfsOptions and mount options of a "
        "filesystem");
  }
  if (!directory && spec.backend == BackendChoice::kDirectory) {
    return absl::InvalidArgumentError(
        "the source is an image; it can't become a directory: use backend image or auto");
  }
  if (!spec.fs_type.empty() && spec.fs_type != image.fs_type()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the source's filesystem is ", image.fs_type(), ", not ", spec.fs_type));
  }
  spec.fs_type = image.fs_type();
  spec.backend = directory ? BackendChoice::kDirectory : BackendChoice::kImage;
  return absl::OkStatus();
}

absl::Status CheckSnapshotParameters(const ParameterMap& parameters) {
  for (const auto& [key, value] : parameters) {
    if (!absl::StartsWith(key, kKubernetesPrefix)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown parameter \"", key, "\": snapshots take none; remove it from the class"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ChooseSize(const v1::CapacityRange& range, int64_t minimum_bytes,
                                   int64_t source_bytes) {
  const int64_t required = range.required_bytes();
  const int64_t limit = range.limit_bytes();
  if (required < 0 || limit < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("negative size: required_bytes ", required, ", limit_bytes ", limit));
  }
  if (limit > 0 && required > limit) {
    return absl::OutOfRangeError(
        absl::StrCat("required_bytes ", required, " is larger than limit_bytes ", limit));
  }
  if (required > 0 && required < source_bytes) {
    return absl::OutOfRangeError(absl::StrCat(HumanBytes(required),
                                              " is smaller than the source, which has ",
                                              HumanBytes(source_bytes), "; ask for at least that"));
  }
  int64_t least = std::max(required, source_bytes);
  if (least == 0) {
    least = limit > 0 ? std::min(kDefaultSize, limit / kSizeUnit * kSizeUnit) : kDefaultSize;
  }
  least = std::max(least, minimum_bytes);
  const int64_t most = limit > 0 ? limit : std::numeric_limits<int64_t>::max();
  const int64_t size = RoundUp(least, kSizeUnit);
  // Near the largest number there is, RoundUp goes down.
  if (size < least || size > most) {
    return absl::OutOfRangeError(absl::StrCat("no size fits: at least ", HumanBytes(least),
                                              " in steps of ", kSizeUnit, " bytes, but at most ",
                                              HumanBytes(most)));
  }
  return size;
}

absl::Status CheckSameVolume(const v1::VolumeRecord& existing, const v1::VolumeRequest& request) {
  using google::protobuf::util::MessageDifferencer;
  const v1::VolumeRequest& made_by = existing.request();
  if (OwnParameters(made_by.parameters()) != OwnParameters(request.parameters())) {
    return Differs(existing, "set of parameters");
  }
  if (OwnParameters(made_by.mutable_parameters()) != OwnParameters(request.mutable_parameters())) {
    return Differs(existing, "set of mutable parameters");
  }
  if (!SameCapabilities(made_by, request)) return Differs(existing, "volume capability");
  if (!MessageDifferencer::Equals(made_by.content_source(), request.content_source())) {
    return Differs(existing, "content source");
  }
  if (!SizeFits(existing, request.capacity_range())) {
    return Differs(existing, absl::StrCat("size, ", HumanBytes(existing.size_bytes())));
  }
  return absl::OkStatus();
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/mount_flags.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace nodevol::storage {
namespace {

using host::MountAttributes;
using AccessTime = MountAttributes::AccessTime;

// What values an option takes.
enum class Value { kNone, kNumber, kSize, kWord };

struct AllowedOption {
  absl::string_view fs_type;  // empty: any
  absl::string_view name;
  Value value = Value::kNone;
  absl::string_view words = {};  // for kWord, separated by commas
};

// ext4(5), xfs(5), btrfs(5). Left out on purpose: what weakens crash safety (nobarrier, norecovery,
// data=writeback), what stops the machine (errors=panic), and what reaches outside the volume
// (journal_dev, logdev, device, subvol).
constexpr std::array kAllowed = {
    AllowedOption{"", "sync"},
    AllowedOption{"", "dirsync"},
    AllowedOption{"", "lazytime"},
    AllowedOption{"", "discard"},
    AllowedOption{"", "nodiscard"},
    AllowedOption{"ext4", "commit", Value::kNumber},
    AllowedOption{"ext4", "data", Value::kWord, "ordered,journal"},
    AllowedOption{"ext4", "errors", Value::kWord, "remount-ro"},
    AllowedOption{"ext4", "auto_da_alloc"},
    AllowedOption{"ext4", "delalloc"},
    AllowedOption{"ext4", "nodelalloc"},
    AllowedOption{"ext4", "dioread_lock"},
    AllowedOption{"ext4", "dioread_nolock"},
    AllowedOption{"ext4", "stripe", Value::kNumber},
    AllowedOption{"xfs", "allocsize", Value::kSize},
    AllowedOption{"xfs", "largeio"},
    AllowedOption{"xfs", "swalloc"},
    AllowedOption{"xfs", "inode64"},
    AllowedOption{"xfs", "logbsize", Value::kSize},
    AllowedOption{"xfs", "logbufs", Value::kNumber},
    AllowedOption{"btrfs", "commit", Value::kNumber},
    AllowedOption{"btrfs", "compress", Value::kWord, "zlib,lzo,zstd,no"},
    AllowedOption{"btrfs", "compress-force", Value::kWord, "zlib,lzo,zstd"},
    AllowedOption{"btrfs", "autodefrag"},
    AllowedOption{"btrfs", "ssd"},
    AllowedOption{"btrfs", "nossd"},
};

struct Attribute {
  absl::string_view name;
  void (*apply)(MountAttributes&);
};

// Flags of the mount itself.
constexpr std::array kAttributes = {
    Attribute{"defaults", [](MountAttributes&) {}},
    Attribute{"ro", [](MountAttributes& mount) { mount.read_only = true; }},
    Attribute{"rw", [](MountAttributes& mount) { mount.read_only = false; }},
    Attribute{"suid", [](MountAttributes& mount) { mount.nosuid = false; }},
    Attribute{"nosuid", [](MountAttributes& mount) { mount.nosuid = true; }},
    Attribute{"dev", [](MountAttributes& mount) { mount.nodev = false; }},
    Attribute{"nodev", [](MountAttributes& mount) { mount.nodev = true; }},
    Attribute{"exec", [](MountAttributes& mount) { mount.noexec = false; }},
    Attribute{"noexec", [](MountAttributes& mount) { mount.noexec = true; }},
    Attribute{"diratime", [](MountAttributes& mount) { mount.nodiratime = false; }},
    Attribute{"nodiratime", [](MountAttributes& mount) { mount.nodiratime = true; }},
    Attribute{"relatime",
              [](MountAttributes& mount) { mount.access_time = AccessTime::kRelative; }},
    Attribute{"noatime", [](MountAttributes& mount) { mount.access_time = AccessTime::kNone; }},
    Attribute{"atime", [](MountAttributes& mount) { mount.access_time = AccessTime::kStrict; }},
    Attribute{"strictatime",
              [](MountAttributes& mount) { mount.access_time = AccessTime::kStrict; }},
};

// Returns false for what is no flag of the mount itself.
bool ApplyAttribute(absl::string_view flag, MountAttributes& attributes) {
  const auto* const found =
      std::find_if(kAttributes.begin(), kAttributes.end(),
                   [flag](const Attribute& attribute) { return attribute.name == flag; });
  if (found == kAttributes.end()) return false;
  found->apply(attributes);
  return true;
}

bool AllDigits(absl::string_view text) {
  return !text.empty() && text.size() <= 9 &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool ValueAllowed(const AllowedOption& option, absl::string_view value) {
  switch (option.value) {
    case Value::kNone:
      return value.empty();
    case Value::kNumber:
      return AllDigits(value);
    case Value::kSize: {
      if (value.empty()) return false;
      const char unit = absl::ascii_tolower(static_cast<unsigned char>(value.back()));
      return AllDigits(unit == 'k' || unit == 'm' || unit == 'g' ? value.substr(0, value.size() - 1)
                                                                 : value);
    }
    case Value::kWord: {
      const std::vector<absl::string_view> words = absl::StrSplit(option.words, ',');
      return std::find(words.begin(), words.end(), value) != words.end();
    }
  }
  return false;
}

bool BelongsTo(const AllowedOption& option, absl::string_view fs_type) {
  if (fs_type.empty()) return false;
  return option.fs_type.empty() || option.fs_type == fs_type || fs_type == kAnyFilesystem;
}

bool Allowed(absl::string_view fs_type, absl::string_view name, absl::string_view value) {
  return std::any_of(kAllowed.begin(), kAllowed.end(), [&](const AllowedOption& option) {
    return BelongsTo(option, fs_type) && option.name == name && ValueAllowed(option, value);
  });
}

// "commit=NUMBER", "data=ordered|journal".
std::string Describe(const AllowedOption& option) {
  switch (option.value) {
    case Value::kNone:
      break;
    case Value::kNumber:
      return absl::StrCat(option.name, "=NUMBER");
    case Value::kSize:
      return absl::StrCat(option.name, "=SIZE");
    case Value::kWord:
      return absl::StrCat(option.name, "=", absl::StrReplaceAll(option.words, {{",", "|"}}));
  }
  return std::string(option.name);
}

// The flag itself may be a secret (spec, VolumeCapability), so the message says where it is and
// what could be there instead.
absl::Status NotAllowed(size_t position, size_t count, absl::string_view fs_type) {
  std::vector<std::string> allowed;
  for (const Attribute& attribute : kAttributes) allowed.emplace_back(attribute.name);
  for (const AllowedOption& option : kAllowed) {
    if (BelongsTo(option, fs_type)) allowed.push_back(Describe(option));
  }
  const absl::string_view whose = fs_type.empty()             ? "directory volumes"
                                  : fs_type == kAnyFilesystem ? "any filesystem"
                                                              : fs_type;
  return absl::InvalidArgumentError(absl::StrCat(
      "mount flag ", position, " of ", count, " is not allowed for ", whose,
      "; change the StorageClass's mountOptions, allowed are ", absl::StrJoin(allowed, ", ")));
}

}  // namespace

absl::StatusOr<MountFlags> ParseMountFlags(absl::string_view fs_type,
                                           const std::vector<std::string>& flags) {
  // "ro,noatime" in one string is two flags.
  const std::string joined = absl::StrJoin(flags, ",");
  const std::vector<absl::string_view> all = absl::StrSplit(joined, ',', absl::SkipEmpty());
  MountFlags parsed;
  for (size_t i = 0; i < all.size(); ++i) {
    if (ApplyAttribute(all[i], parsed.attributes)) continue;
    const std::pair<std::string, std::string> option =
        absl::StrSplit(all[i], absl::MaxSplits('=', 1));
    if (!Allowed(fs_type, option.first, option.second)) {
      return NotAllowed(i + 1, all.size(), fs_type);
    }
    parsed.filesystem.push_back(option);
  }
  return parsed;
}

}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/mount_flags.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace nodevol::storage {
namespace {

using host::MountAttributes;

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

// Flags of the mount itself. Returns false for others.
bool ApplyAttribute(absl::string_view flag, MountAttributes& attributes) {
  if (flag == "ro") {
    attributes.read_only = true;
  } else if (flag == "rw" || flag == "defaults" || flag == "exec" || flag == "diratime") {
    // What holds anyway.
  } else if (flag == "suid") {
    attributes.nosuid = false;
  } else if (flag == "nosuid") {
    attributes.nosuid = true;
  } else if (flag == "dev") {
    attributes.nodev = false;
  } else if (flag == "nodev") {
    attributes.nodev = true;
  } else if (flag == "noexec") {
    attributes.noexec = true;
  } else if (flag == "nodiratime") {
    attributes.nodiratime = true;
  } else if (flag == "relatime") {
    attributes.access_time = MountAttributes::AccessTime::kRelative;
  } else if (flag == "noatime") {
    attributes.access_time = MountAttributes::AccessTime::kNone;
  } else if (flag == "strictatime" || flag == "atime") {
    attributes.access_time = MountAttributes::AccessTime::kStrict;
  } else {
    return false;
  }
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
      const char unit = absl::ascii_tolower(value.back());
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

bool Allowed(absl::string_view fs_type, absl::string_view name, absl::string_view value) {
  return std::any_of(kAllowed.begin(), kAllowed.end(), [&](const AllowedOption& option) {
    return (option.fs_type.empty() || option.fs_type == fs_type || fs_type == kAnyFilesystem) &&
           option.name == name && ValueAllowed(option, value);
  });
}

}  // namespace

absl::StatusOr<MountFlags> ParseMountFlags(absl::string_view fs_type,
                                           const std::vector<std::string>& flags) {
  MountFlags parsed;
  for (const std::string& joined : flags) {
    for (const absl::string_view flag : absl::StrSplit(joined, ',', absl::SkipEmpty())) {
      if (ApplyAttribute(flag, parsed.attributes)) continue;
      const std::pair<std::string, std::string> option =
          absl::StrSplit(flag, absl::MaxSplits('=', 1));
      if (fs_type.empty() || !Allowed(fs_type, option.first, option.second)) {
        return absl::InvalidArgumentError(
            absl::StrCat("mount flag \"", flag, "\" is not allowed for ",
                         fs_type.empty() ? absl::string_view("directory volumes") : fs_type,
                         "; remove it from the StorageClass's mountOptions"));
      }
      parsed.filesystem.push_back(option);
    }
  }
  return parsed;
}

}  // namespace nodevol::storage

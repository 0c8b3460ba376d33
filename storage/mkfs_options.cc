// SPDX-License-Identifier: Apache-2.0
#include "storage/mkfs_options.h"

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;

// One option of a mkfs program and what may follow it: a number, or items of a list, each "word" or
// "key=" with a number after it.
struct AllowedOption {
  FilesystemType type;
  absl::string_view option;
  absl::string_view items;  // "#" for a number; otherwise separated by commas
};

// mkfs.ext4(8), mkfs.xfs(8), mkfs.btrfs(8).
constexpr std::array kAllowed = {
    AllowedOption{FilesystemType::kExt4, "-i", "#"},
    AllowedOption{FilesystemType::kExt4, "-I", "#"},
    AllowedOption{FilesystemType::kExt4, "-N", "#"},
    AllowedOption{FilesystemType::kExt4, "-m", "#"},
    AllowedOption{FilesystemType::kExt4, "-J", "size="},
    AllowedOption{FilesystemType::kExt4, "-T",
                  "small,floppy,default,big,huge,news,largefile,largefile4"},
    AllowedOption{FilesystemType::kExt4, "-O",
                  "casefold,inline_data,large_dir,project,quota,verity,encrypt,metadata_csum,"
                  "^metadata_csum,64bit,^64bit,orphan_file,^orphan_file"},
    AllowedOption{FilesystemType::kXfs, "-i", "size=,maxpct=,sparse=,perblock=,nrext64="},
    AllowedOption{FilesystemType::kXfs, "-l", "size=,lazy-count=,su="},
    AllowedOption{FilesystemType::kXfs, "-d", "agcount=,su=,sw=,sunit=,swidth="},
    AllowedOption{FilesystemType::kXfs, "-n", "size="},
    AllowedOption{FilesystemType::kXfs, "-m", "reflink=,rmapbt=,bigtime=,finobt=,inobtcount=,crc="},
    AllowedOption{FilesystemType::kBtrfs, "-n", "#"},
    AllowedOption{FilesystemType::kBtrfs, "-m", "single,dup"},
    AllowedOption{FilesystemType::kBtrfs, "-d", "single,dup"},
    AllowedOption{FilesystemType::kBtrfs, "-M", ""},
    AllowedOption{FilesystemType::kBtrfs, "--checksum", "crc32c,xxhash,sha256,blake2"},
    AllowedOption{FilesystemType::kBtrfs, "-O",
                  "no-holes,^no-holes,free-space-tree,^free-space-tree,block-group-tree,"
                  "^block-group-tree"},
};

// A size or count as mkfs programs take them: 4096, 64m.
bool IsNumber(absl::string_view text) {
  if (text.size() > 1 && absl::StrContains("kKmMgG", text.substr(text.size() - 1))) {
    text.remove_suffix(1);
  }
  return !text.empty() && text.size() <= 12 &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool ItemAllowed(absl::string_view allowed, absl::string_view item) {
  if (allowed == "#") return IsNumber(item);
  for (const absl::string_view candidate : absl::StrSplit(allowed, ',', absl::SkipEmpty())) {
    if (!absl::EndsWith(candidate, "=")) {
      if (candidate == item) return true;
      continue;
    }
    absl::string_view value = item;
    if (absl::ConsumePrefix(&value, candidate)) return IsNumber(value);
  }
  return false;
}

absl::Status Refused(absl::string_view word) {
  return absl::InvalidArgumentError(absl::StrCat(
      "mkfsOptions: \"", word,
      "\" is not on the list of allowed options (docs/guide/storageclass.md); leave it out"));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseMkfsOptions(FilesystemType type,
                                                          absl::string_view options) {
  const std::vector<std::string> words =
      absl::StrSplit(options, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  for (size_t i = 0; i < words.size(); ++i) {
    const auto* const option =
        std::find_if(kAllowed.begin(), kAllowed.end(), [&](const AllowedOption& candidate) {
          return candidate.type == type && candidate.option == words[i];
        });
    if (option == kAllowed.end()) return Refused(words[i]);
    if (option->items.empty()) continue;
    if (++i == words.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("mkfsOptions: \"", words[i - 1], "\" needs a value"));
    }
    for (const absl::string_view item : absl::StrSplit(words[i], ',')) {
      if (!ItemAllowed(option->items, item)) {
        return Refused(absl::StrCat(words[i - 1], " ", words[i]));
      }
    }
  }
  return words;
}

}  // namespace nodevol::storage

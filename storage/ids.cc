// SPDX-License-Identifier: Apache-2.0
#include "storage/ids.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "base/sha256.h"

namespace nodevol::storage {

namespace {

// The kind is part of the hash: a volume and a snapshot of one name are two things.
std::string HashOf(absl::string_view kind, absl::string_view name) {
  return Sha256Hex(absl::StrCat(kind, ":", name)).substr(0, kUuidCharacters);
}

bool IsHex(absl::string_view text, size_t characters) {
  return text.size() == characters && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

bool IsUuid(absl::string_view text) { return IsHex(text, kUuidCharacters); }

bool IsPoolName(absl::string_view name) {
  return !name.empty() && name.size() <= 32 &&
         std::all_of(
             name.begin(), name.end(),
             [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }) &&
         name.front() != '-' && name.back() != '-';
}

template <typename Kind>
std::optional<ObjectId<Kind>> ObjectId<Kind>::Parse(absl::string_view text) {
  if (text.size() != 2 * kUuidCharacters + 1 || text[kUuidCharacters] != '.' ||
      !IsUuid(text.substr(0, kUuidCharacters)) || !IsUuid(text.substr(kUuidCharacters + 1))) {
    return std::nullopt;
  }
  return ObjectId(std::string(text));
}

template <typename Kind>
ObjectId<Kind> ObjectId<Kind>::ForName(absl::string_view pool_uuid, absl::string_view name) {
  return ForHash(pool_uuid, HashOfName(name));
}

template <typename Kind>
ObjectId<Kind> ObjectId<Kind>::ForHash(absl::string_view pool_uuid, absl::string_view name_hash) {
  return ObjectId(absl::StrCat(pool_uuid, ".", name_hash));
}

template <typename Kind>
std::string ObjectId<Kind>::HashOfName(absl::string_view name) {
  return HashOf(Kind::kName, name);
}

template class ObjectId<VolumeKind>;
template class ObjectId<SnapshotKind>;
template class ObjectId<GroupKind>;

SnapshotId MemberId(absl::string_view group_name, const VolumeId& source) {
  // "member" is no kind, and the volume's id has a fixed length: nothing else has this text.
  const std::string hash = Sha256Hex(absl::StrCat("member:", source.text(), ":", group_name));
  return *SnapshotId::Parse(absl::StrCat(source.pool_uuid(), ".", hash.substr(0, kUuidCharacters)));
}

bool IsInlineId(absl::string_view volume_id) {
  constexpr size_t kHashCharacters = 64;
  return absl::ConsumePrefix(&volume_id, "csi-") && IsHex(volume_id, kHashCharacters);
}

std::string HashOfInlineVolume(absl::string_view volume_id) { return HashOf("inline", volume_id); }

}  // namespace nodevol::storage

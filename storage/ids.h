// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_IDS_H_
#define NODEVOL_STORAGE_IDS_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

// Identifiers of volumes, snapshots and groups of them: "<pool UUID>.<hash of the name>", each 32
// lower-case hex characters. The same name in the same pool is the same id, so that a retry finds
// what the first call made; and an id tells which pool has the object, so that no index is needed
// to route it. What a CO calls an inline volume is no such id, but a name of its own kind.
namespace nodevol::storage {

inline constexpr size_t kUuidCharacters = 32;

// True for 32 lower-case hex characters.
bool IsUuid(absl::string_view text);
// True for 1 to 32 lower-case letters, digits and dashes, no dash at an end.
bool IsPoolName(absl::string_view name);

template <typename Kind>
class ObjectId {
 public:
  // nullopt for what does not follow the grammar: then it is no id of ours, and no path either.
  static std::optional<ObjectId> Parse(absl::string_view text);
  static ObjectId ForName(absl::string_view pool_uuid, absl::string_view name);
  // The id in that pool of the object with a name_hash().
  static ObjectId ForHash(absl::string_view pool_uuid, absl::string_view name_hash);
  // The name_hash() of a name's id, which is the same in every pool.
  static std::string HashOfName(absl::string_view name);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] absl::string_view pool_uuid() const {
    return absl::string_view(text_).substr(0, kUuidCharacters);
  }
  [[nodiscard]] absl::string_view name_hash() const {
    return absl::string_view(text_).substr(kUuidCharacters + 1);
  }

  friend bool operator==(const ObjectId&, const ObjectId&) = default;

 private:
  explicit ObjectId(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

struct VolumeKind {
  static constexpr char kName[] = "volume";
};
struct SnapshotKind {
  static constexpr char kName[] = "snapshot";
};
struct GroupKind {
  static constexpr char kName[] = "group";
};
using VolumeId = ObjectId<VolumeKind>;
using SnapshotId = ObjectId<SnapshotKind>;
// Of a group snapshot: in the pool that decides whether it exists.
using GroupId = ObjectId<GroupKind>;

// The snapshot of a volume that is a member of the group snapshot of this name. No snapshot that
// has a name of its own has such an id.
SnapshotId MemberId(absl::string_view group_name, const VolumeId& source);

// True for the ids of inline volumes as kubelet makes them: "csi-" and a SHA-256 in lower-case hex.
bool IsInlineId(absl::string_view volume_id);
// The name_hash() of the volume that is made for the inline volume with this id. No name in a
// CreateVolume request has it.
std::string HashOfInlineVolume(absl::string_view volume_id);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_IDS_H_

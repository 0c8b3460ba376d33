// SPDX-License-Identifier: Apache-2.0
#include "link/result.h"

#include <memory>
#include <utility>

#include "storage/object_state.h"

namespace nodevol::link {
namespace {

constexpr size_t kMaxStatusBytes = 4096;  // of a message

using nodevol::v1::GroupSnapshotRecord;
using nodevol::v1::SnapshotRecord;
using nodevol::v1::VolumeRecord;

// Each returns whether the result has such a value.
bool TakeValue(v1::Result& result, storage::VolumePtr& volume) {
  volume = std::make_shared<const VolumeRecord>(std::move(*result.mutable_volume()));
  return !volume->id().empty();
}

bool TakeValue(v1::Result& result, storage::ExpandedVolume& expanded) {
  v1::ExpandedVolume& value = *result.mutable_expanded();
  expanded.node_expansion_required = value.node_expansion_required();
  expanded.volume = std::make_shared<const VolumeRecord>(std::move(*value.mutable_volume()));
  return !expanded.volume->id().empty();
}

bool TakeValue(v1::Result& result, storage::SnapshotPtr& snapshot) {
  snapshot = std::make_shared<const SnapshotRecord>(std::move(*result.mutable_snapshot()));
  return !snapshot->id().empty();
}

bool TakeValue(v1::Result& result, storage::GroupSnapshot& group) {
  v1::GroupSnapshot& value = *result.mutable_group();
  group.group = std::make_shared<const GroupSnapshotRecord>(std::move(*value.mutable_group()));
  for (SnapshotRecord& member : *value.mutable_members()) {
    group.members.push_back(std::make_shared<const SnapshotRecord>(std::move(member)));
  }
  return !group.group->id().empty();
}

bool TakeValue(v1::Result& result, storage::BlockPage& page) {
  if (!result.has_blocks()) return false;
  for (const v1::BlockRange& range : result.blocks().ranges()) {
    page.ranges.push_back({.offset = range.offset(), .length = range.length()});
  }
  if (result.blocks().has_next_offset()) page.next_offset = result.blocks().next_offset();
  return true;
}

bool TakeValue(v1::Result&, Nothing&) { return true; }

}  // namespace

void SetValue(const storage::VolumePtr& volume, v1::Result& result) {
  *result.mutable_volume() = *volume;
}

void SetValue(const storage::ExpandedVolume& expanded, v1::Result& result) {
  *result.mutable_expanded()->mutable_volume() = *expanded.volume;
  result.mutable_expanded()->set_node_expansion_required(expanded.node_expansion_required);
}

void SetValue(const storage::SnapshotPtr& snapshot, v1::Result& result) {
  *result.mutable_snapshot() = *snapshot;
}

void SetValue(const storage::GroupSnapshot& group, v1::Result& result) {
  *result.mutable_group()->mutable_group() = *group.group;
  for (const storage::SnapshotPtr& member : group.members) {
    *result.mutable_group()->add_members() = *member;
  }
}

void SetValue(const storage::BlockPage& page, v1::Result& result) {
  v1::BlockPage& blocks = *result.mutable_blocks();
  for (const storage::BlockRange& range : page.ranges) {
    v1::BlockRange& added = *blocks.add_ranges();
    added.set_offset(range.offset);
    added.set_length(range.length);
  }
  if (page.next_offset.has_value()) blocks.set_next_offset(*page.next_offset);
}

v1::Result ToResult(const absl::Status& status) {
  v1::Result result;
  if (!status.ok()) *result.mutable_status() = storage::ToMessage(status);
  return result;
}

template <typename T>
v1::Result ToResult(const absl::StatusOr<T>& answer) {
  v1::Result result = ToResult(answer.status());
  if (answer.ok()) SetValue(*answer, result);
  return result;
}

template <typename T>
absl::StatusOr<T> FromResult(v1::Result result) {
  if (result.status().code() != 0) {
    // As much as a call's answer has: it is kept and logged.
    std::string& message = *result.mutable_status()->mutable_message();
    if (message.size() > kMaxStatusBytes) message.resize(kMaxStatusBytes);
    return storage::FromMessage(result.status());
  }
  T value = {};
  if (TakeValue(result, value)) return value;
  return absl::InternalError("the node's answer to the operation has not the value that it must");
}

template v1::Result ToResult(const absl::StatusOr<storage::VolumePtr>&);
template v1::Result ToResult(const absl::StatusOr<storage::ExpandedVolume>&);
template v1::Result ToResult(const absl::StatusOr<storage::SnapshotPtr>&);
template v1::Result ToResult(const absl::StatusOr<storage::GroupSnapshot>&);
template v1::Result ToResult(const absl::StatusOr<storage::BlockPage>&);
template absl::StatusOr<storage::VolumePtr> FromResult(v1::Result);
template absl::StatusOr<storage::ExpandedVolume> FromResult(v1::Result);
template absl::StatusOr<storage::SnapshotPtr> FromResult(v1::Result);
template absl::StatusOr<storage::GroupSnapshot> FromResult(v1::Result);
template absl::StatusOr<storage::BlockPage> FromResult(v1::Result);
template absl::StatusOr<Nothing> FromResult(v1::Result);

}  // namespace nodevol::link

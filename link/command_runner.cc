// SPDX-License-Identifier: Apache-2.0
#include "link/command_runner.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "link/result.h"
#include "storage/ids.h"

namespace nodevol::link {
namespace {

using storage::GroupId;
using storage::SnapshotId;
using storage::VolumeId;

// Of a page: its message stays far below what one may have.
constexpr size_t kMaxRanges = 16384;

// However long or negative the timeout: these durations do not overflow.
absl::Duration DeadlineOf(const v1::Command& command) {
  if (!command.has_timeout()) return absl::InfiniteDuration();
  return MonotonicNow() + absl::Seconds(command.timeout().seconds()) +
         absl::Nanoseconds(command.timeout().nanos());
}

absl::Status NoId(const std::string& id) {
  return absl::InvalidArgumentError(absl::StrCat("\"", id, "\" is no id of this driver"));
}

}  // namespace

Operation::Operation(const v1::Command& command) : deadline_(DeadlineOf(command)) {}

template <typename T>
Callback<T> CommandRunner::Answer(Done done) {
  return [answer = std::move(done)](const absl::StatusOr<T>& value) mutable {
    std::move(answer)(ToResult(value));
  };
}

StatusCallback CommandRunner::AnswerStatus(Done done) {
  return [answer = std::move(done)](const absl::Status& status) mutable {
    std::move(answer)(ToResult(status));
  };
}

std::string CommandRunner::ClaimedName(const v1::Command& command) {
  switch (command.request_case()) {
    case v1::Command::kCreateVolume:
      return VolumeId::HashOfName(command.create_volume().name());
    case v1::Command::kCreateSnapshot:
      return SnapshotId::HashOfName(command.create_snapshot().name());
    case v1::Command::kCreateGroupSnapshot:
      return GroupId::HashOfName(command.create_group_snapshot().name());
    default:
      return "";
  }
}

const std::string* CommandRunner::ObjectOf(const v1::Command& command) {
  switch (command.request_case()) {
    case v1::Command::kDeleteVolume:
      return &command.delete_volume();
    case v1::Command::kExpandVolume:
      return &command.expand_volume().volume_id();
    case v1::Command::kModifyVolume:
      return &command.modify_volume().volume_id();
    case v1::Command::kPublishVolume:
      return &command.publish_volume().volume_id();
    case v1::Command::kUnpublishVolume:
      return &command.unpublish_volume().volume_id();
    case v1::Command::kDeleteSnapshot:
      return &command.delete_snapshot();
    case v1::Command::kDeleteGroupSnapshot:
      return &command.delete_group_snapshot().group_snapshot_id();
    default:
      return nullptr;
  }
}

absl::Status CommandRunner::CheckEpoch(const v1::Command& command) const {
  const std::string* const object = ObjectOf(command);
  if (object == nullptr) return absl::OkStatus();
  // The ids of all kinds have one grammar.
  const std::optional<VolumeId> id = VolumeId::Parse(*object);
  if (!id.has_value()) return NoId(*object);
  if (command.pool_epoch() == 0) return absl::OkStatus();
  for (const nodevol::v1::PoolReport& pool : inventory_.Pools()) {
    if (pool.uuid() != id->pool_uuid() || pool.epoch() == command.pool_epoch()) continue;
    return absl::AbortedError(absl::StrCat("the pool of ", *object, " was opened anew (epoch ",
                                           pool.epoch(), ") since the command was decided (",
                                           command.pool_epoch(), "); retry"));
  }
  return absl::OkStatus();
}

void CommandRunner::Run(const v1::Command& command, const std::shared_ptr<Operation>& operation,
                        Done done) {
  if (const absl::Status current = CheckEpoch(command); !current.ok()) {
    return std::move(done)(ToResult(current));
  }
  const storage::OperationContext context{[operation] { return operation->Abandoned(); }};
  switch (command.request_case()) {
    case v1::Command::kCreateVolume:
    case v1::Command::kDeleteVolume:
    case v1::Command::kExpandVolume:
    case v1::Command::kModifyVolume:
    case v1::Command::kPublishVolume:
    case v1::Command::kUnpublishVolume:
      return RunOnVolume(command, context, std::move(done));
    case v1::Command::kCreateSnapshot:
    case v1::Command::kDeleteSnapshot:
    case v1::Command::kListBlocks:
    case v1::Command::kCreateGroupSnapshot:
    case v1::Command::kDeleteGroupSnapshot:
      return RunOnSnapshots(command, context, std::move(done));
    case v1::Command::REQUEST_NOT_SET:
      break;
  }
  std::move(done)(ToResult(absl::UnimplementedError(
      "the node's driver does not know this command; give all nodes the controller's version")));
}

void CommandRunner::RunOnVolume(const v1::Command& command,
                                const storage::OperationContext& context, Done done) {
  if (command.has_create_volume()) {
    return storage_.CreateVolume(context, command.create_volume(),
                                 Answer<storage::VolumePtr>(std::move(done)));
  }
  const VolumeId id = *VolumeId::Parse(*ObjectOf(command));  // CheckEpoch has seen it
  switch (command.request_case()) {
    case v1::Command::kDeleteVolume:
      return storage_.DeleteVolume(context, id, AnswerStatus(std::move(done)));
    case v1::Command::kExpandVolume:
      return storage_.ExpandVolume(context, id, command.expand_volume().capacity_range(),
                                   Answer<storage::ExpandedVolume>(std::move(done)));
    case v1::Command::kModifyVolume:
      return storage_.ModifyVolume(context, id, command.modify_volume().parameters(),
                                   Answer<storage::VolumePtr>(std::move(done)));
    case v1::Command::kPublishVolume:
      return storage_.PublishVolume(context, id, command.publish_volume().publication(),
                                    Answer<storage::VolumePtr>(std::move(done)));
    default:
      return storage_.UnpublishVolume(context, id, command.unpublish_volume().node_id(),
                                      AnswerStatus(std::move(done)));
  }
}

void CommandRunner::RunOnSnapshots(const v1::Command& command,
                                   const storage::OperationContext& context, Done done) {
  switch (command.request_case()) {
    case v1::Command::kCreateSnapshot:
      return storage_.CreateSnapshot(context, command.create_snapshot(),
                                     Answer<storage::SnapshotPtr>(std::move(done)));
    case v1::Command::kDeleteSnapshot:
      return storage_.DeleteSnapshot(context, *SnapshotId::Parse(*ObjectOf(command)),
                                     AnswerStatus(std::move(done)));
    case v1::Command::kListBlocks:
      return ListBlocks(command.list_blocks(), context, std::move(done));
    case v1::Command::kCreateGroupSnapshot:
      return storage_.CreateGroupSnapshot(context, command.create_group_snapshot(),
                                          Answer<storage::GroupSnapshot>(std::move(done)));
    default: {
      const auto& ids = command.delete_group_snapshot().snapshot_ids();
      return storage_.DeleteGroupSnapshot(context, *GroupId::Parse(*ObjectOf(command)),
                                          {ids.begin(), ids.end()}, AnswerStatus(std::move(done)));
    }
  }
}

void CommandRunner::ListBlocks(const v1::ListBlocks& request,
                               const storage::OperationContext& context, Done done) {
  storage::BlockQuery query = {
      .target = std::make_shared<const nodevol::v1::SnapshotRecord>(request.target()),
      .base = request.has_base()
                  ? std::make_shared<const nodevol::v1::SnapshotRecord>(request.base())
                  : nullptr,
      .offset = request.offset(),
      .limit = std::min<size_t>(request.limit(), kMaxRanges)};
  for (const storage::SnapshotPtr& snapshot : {query.target, query.base}) {
    if (snapshot == nullptr || SnapshotId::Parse(snapshot->id()).has_value()) continue;
    return std::move(done)(ToResult(NoId(snapshot->id())));
  }
  if (query.offset < 0 || query.offset > query.target->size_bytes()) {
    return std::move(done)(ToResult(absl::OutOfRangeError(
        absl::StrCat("blocks from ", query.offset, " on are asked for, of a snapshot of ",
                     query.target->size_bytes(), " bytes"))));
  }
  storage_.ListBlocks(context, query, Answer<storage::BlockPage>(std::move(done)));
}

}  // namespace nodevol::link

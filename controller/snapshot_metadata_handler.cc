// SPDX-License-Identifier: Apache-2.0
#include "controller/snapshot_metadata_handler.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"

#include "base/status_macros.h"
#include "rpc/required_field.h"

namespace nodevol::controller {
namespace {

using storage::BlockPage;
using storage::BlockQuery;
using storage::SnapshotPtr;

// Of a page, and so of a message at most: some 60 KiB.
constexpr size_t kRangesPerPage = 4096;

// The blocks that a query begins with, as a stream of messages. The storage's pages do not depend
// on how few ranges the client wants in a message.
template <typename Message>
class BlockSource final : public rpc::MessageSource<Message> {
 public:
  BlockSource(NodePtr node, storage::OperationContext context, BlockQuery query,
              int32_t max_results)
      : node_(std::move(node)),
        context_(std::move(context)),
        query_(std::move(query)),
        ranges_per_message_(max_results == 0 ? kRangesPerPage : static_cast<size_t>(max_results)) {
    query_.limit = kRangesPerPage;
  }

  void Next(Callback<std::optional<Message>> done) override {
    if (next_ < page_.ranges.size() || !page_.next_offset.has_value()) {
      return std::move(done)(TakeMessage());
    }
    query_.offset = *page_.next_offset;
    // Copies: the answer may come, and be this object's end, before the call returns.
    node_->ListBlocks(storage::OperationContext(context_), BlockQuery(query_),
                      [this, answer = std::move(done)](absl::StatusOr<BlockPage> page) mutable {
                        if (!page.ok()) return std::move(answer)(page.status());
                        page_ = *std::move(page);
                        next_ = 0;
                        // Of a page without ranges, too, the next may have some.
                        Next(std::move(answer));
                      });
  }

 private:
  // Of what is left of the page. A stream has one message at least: it tells the volume's size.
  std::optional<Message> TakeMessage() {
    const size_t end = std::min(next_ + ranges_per_message_, page_.ranges.size());
    if (next_ == end && told_) return std::nullopt;
    Message message;
    message.set_block_metadata_type(csi::v1::VARIABLE_LENGTH);
    message.set_volume_capacity_bytes(query_.target->size_bytes());
    for (; next_ < end; ++next_) {
      csi::v1::BlockMetadata& block = *message.add_block_metadata();
      block.set_byte_offset(page_.ranges[next_].offset);
      block.set_size_bytes(page_.ranges[next_].length);
    }
    told_ = true;
    return message;
  }

  const NodePtr node_;
  const storage::OperationContext context_;
  BlockQuery query_;
  const size_t ranges_per_message_;
  BlockPage page_ = {.ranges = {}, .next_offset = query_.offset};
  size_t next_ = 0;  // of the page's ranges
  bool told_ = false;
};

// A snapshot, and the node that has it.
struct Found {
  SnapshotPtr snapshot;
  NodePtr node;
};

absl::StatusOr<Found> Find(const Cluster& cluster, absl::string_view field, const std::string& id) {
  if (id.empty()) return rpc::Required(field);
  const std::optional<storage::SnapshotId> parsed = storage::SnapshotId::Parse(id);
  if (!parsed.has_value()) {
    return absl::NotFoundError(absl::StrCat("snapshot \"", id, "\" does not exist"));
  }
  ASSIGN_OR_RETURN(NodePtr node, cluster.NodeToAsk(parsed->text()));
  ASSIGN_OR_RETURN(SnapshotPtr snapshot, node->GetSnapshot(*parsed));
  return Found{std::move(snapshot), std::move(node)};
}

absl::Status CheckMaxResults(int32_t max_results) {
  if (max_results >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("max_results is ", max_results, "; it must not be negative"));
}

absl::Status CheckOffset(int64_t offset, const v1::SnapshotRecord& target) {
  if (offset >= 0 && offset <= target.size_bytes()) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("starting_offset is ", offset,
                                            "; it must be from 0 to the snapshot's ",
                                            target.size_bytes(), " bytes"));
}

absl::Status CheckPair(const v1::SnapshotRecord& base, const v1::SnapshotRecord& target) {
  if (base.request().source_volume_id() != target.request().source_volume_id()) {
    return absl::InvalidArgumentError(
        absl::StrCat("base_snapshot_id is a snapshot of volume ", base.request().source_volume_id(),
                     ", target_snapshot_id one of ", target.request().source_volume_id(),
                     "; both must be of one volume"));
  }
  if (base.id() == target.id()) {
    return absl::InvalidArgumentError(
        "base_snapshot_id and target_snapshot_id are the same; name two snapshots");
  }
  if (base.created() > target.created()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "base_snapshot_id was cut at ", google::protobuf::util::TimeUtil::ToString(base.created()),
        ", after target_snapshot_id, at ",
        google::protobuf::util::TimeUtil::ToString(target.created()), "; name the older as base"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SnapshotMetadataHandler::Source<csi::v1::GetMetadataAllocatedResponse>>
SnapshotMetadataHandler::GetMetadataAllocated(const Context& context,
                                              const csi::v1::GetMetadataAllocatedRequest& request) {
  RETURN_IF_ERROR(CheckMaxResults(request.max_results()));
  ASSIGN_OR_RETURN(Found target, Find(cluster_, "snapshot_id", request.snapshot_id()));
  RETURN_IF_ERROR(CheckOffset(request.starting_offset(), *target.snapshot));
  BlockQuery query = {
      .target = std::move(target.snapshot), .base = nullptr, .offset = request.starting_offset()};
  return std::make_unique<BlockSource<csi::v1::GetMetadataAllocatedResponse>>(
      std::move(target.node), context, std::move(query), request.max_results());
}

absl::StatusOr<SnapshotMetadataHandler::Source<csi::v1::GetMetadataDeltaResponse>>
SnapshotMetadataHandler::GetMetadataDelta(const Context& context,
                                          const csi::v1::GetMetadataDeltaRequest& request) {
  RETURN_IF_ERROR(CheckMaxResults(request.max_results()));
  if (request.target_snapshot_id().empty()) return rpc::Required("target_snapshot_id");
  ASSIGN_OR_RETURN(Found base, Find(cluster_, "base_snapshot_id", request.base_snapshot_id()));
  ASSIGN_OR_RETURN(Found target,
                   Find(cluster_, "target_snapshot_id", request.target_snapshot_id()));
  RETURN_IF_ERROR(CheckPair(*base.snapshot, *target.snapshot));
  RETURN_IF_ERROR(CheckOffset(request.starting_offset(), *target.snapshot));
  BlockQuery query = {.target = std::move(target.snapshot),
                      .base = std::move(base.snapshot),
                      .offset = request.starting_offset()};
  return std::make_unique<BlockSource<csi::v1::GetMetadataDeltaResponse>>(
      std::move(target.node), context, std::move(query), request.max_results());
}

}  // namespace nodevol::controller

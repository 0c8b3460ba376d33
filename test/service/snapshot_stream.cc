// SPDX-License-Identifier: Apache-2.0
#include "test/service/snapshot_stream.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"

namespace nodevol::testing {

SnapshotStream::SnapshotStream(const std::string& socket_path, const StreamRequest& request,
                               absl::Duration timeout)
    : request_(request) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // What a server can send that nobody reads is little, and not more when it is fast.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4096);
  stub_ = csi::v1::SnapshotMetadata::NewStub(grpc::CreateCustomChannel(
      absl::StrCat("unix://", socket_path), grpc::InsecureChannelCredentials(), arguments));
  context_.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
  if (request.base_id.empty()) {
    csi::v1::GetMetadataAllocatedRequest message;
    message.set_snapshot_id(request.target_id);
    message.set_starting_offset(request.starting_offset);
    message.set_max_results(request.max_results);
    allocated_ = stub_->GetMetadataAllocated(&context_, message);
  } else {
    csi::v1::GetMetadataDeltaRequest message;
    message.set_base_snapshot_id(request.base_id);
    message.set_target_snapshot_id(request.target_id);
    message.set_starting_offset(request.starting_offset);
    message.set_max_results(request.max_results);
    delta_ = stub_->GetMetadataDelta(&context_, message);
  }
}

SnapshotStream::~SnapshotStream() {
  if (finished_) return;
  Cancel();
  ReadAll().IgnoreError();
}

bool SnapshotStream::ReadMessage() {
  return allocated_ != nullptr ? ReadFrom(*allocated_) : ReadFrom(*delta_);
}

absl::Status SnapshotStream::ReadAll() {
  while (ReadMessage()) {
  }
  const grpc::Status status = allocated_ != nullptr ? allocated_->Finish() : delta_->Finish();
  finished_ = true;
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

template <typename Message>
bool SnapshotStream::ReadFrom(grpc::ClientReader<Message>& reader) {
  Message message;
  if (!reader.Read(&message)) return false;
  EXPECT_EQ(message.block_metadata_type(), csi::v1::VARIABLE_LENGTH);
  EXPECT_GT(message.volume_capacity_bytes(), 0);
  if (messages_ > 0) {
    EXPECT_EQ(message.volume_capacity_bytes(), volume_bytes_);
  }
  if (request_.max_results > 0) {
    EXPECT_LE(message.block_metadata_size(), request_.max_results);
  }
  volume_bytes_ = message.volume_capacity_bytes();
  ++messages_;
  for (const csi::v1::BlockMetadata& block : message.block_metadata()) {
    const DataRange range = {.offset = block.byte_offset(), .bytes = block.size_bytes()};
    EXPECT_GT(range.bytes, 0);
    EXPECT_GT(range.end(), request_.starting_offset);
    EXPECT_LE(range.end(), volume_bytes_);
    if (!ranges_.empty()) {
      EXPECT_GE(range.offset, ranges_.back().end());
    }
    ranges_.push_back(range);
  }
  return true;
}

}  // namespace nodevol::testing

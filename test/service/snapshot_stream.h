// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_SNAPSHOT_STREAM_H_
#define NODEVOL_TEST_SERVICE_SNAPSHOT_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "test/client/csi_client.h"

// Streams of csi.v1.SnapshotMetadata, as a backup tool reads them.
namespace nodevol::testing {

struct DataRange {
  int64_t offset = 0;
  int64_t bytes = 0;

  [[nodiscard]] int64_t end() const { return offset + bytes; }
  friend bool operator==(const DataRange&, const DataRange&) = default;
};

struct StreamRequest {
  std::string base_id = {};  // "": GetMetadataAllocated
  std::string target_id = {};
  int64_t starting_offset = 0;
  int32_t max_results = 0;
};

// One call, with a connection of its own, that is read as far as the test wants.
class SnapshotStream {
 public:
  SnapshotStream(const std::string& socket_path, const StreamRequest& request,
                 absl::Duration timeout = absl::Minutes(1));
  ~SnapshotStream();
  SnapshotStream(const SnapshotStream&) = delete;
  SnapshotStream& operator=(const SnapshotStream&) = delete;

  // Reads one message; false when there is none any more. Fails the test when the message breaks a
  // rule of the spec, by itself or after those before it.
  bool ReadMessage();
  // Reads what is left, and answers how the stream ended.
  absl::Status ReadAll();
  void Cancel() { context_.TryCancel(); }

  [[nodiscard]] const std::vector<DataRange>& ranges() const { return ranges_; }
  [[nodiscard]] int64_t volume_bytes() const { return volume_bytes_; }
  [[nodiscard]] int messages() const { return messages_; }

 private:
  template <typename Message>
  bool ReadFrom(grpc::ClientReader<Message>& reader);

  const StreamRequest request_;
  grpc::ClientContext context_;
  std::unique_ptr<csi::v1::SnapshotMetadata::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<csi::v1::GetMetadataAllocatedResponse>> allocated_;
  std::unique_ptr<grpc::ClientReader<csi::v1::GetMetadataDeltaResponse>> delta_;
  bool finished_ = false;
  std::vector<DataRange> ranges_;
  int64_t volume_bytes_ = 0;
  int messages_ = 0;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_SNAPSHOT_STREAM_H_

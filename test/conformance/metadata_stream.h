// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_METADATA_STREAM_H_
#define NODEVOL_TEST_CONFORMANCE_METADATA_STREAM_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "test/conformance/driver.h"

namespace nodevol::testing {

struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
  friend void PrintTo(const ByteRange& range, std::ostream* out) {
    *out << range.begin << "-" << range.end;
  }
};

// What a whole stream of GetMetadataAllocated or GetMetadataDelta said.
struct SnapshotMetadataRead {
  csi::v1::BlockMetadataType type = csi::v1::BlockMetadataType::UNKNOWN;
  int64_t capacity = 0;
  int messages = 0;
  std::vector<ByteRange> ranges;
};

// Reads a stream to its end. DATA_LOSS when it breaks one of the rules for such streams (spec,
// "Metadata Format", GetMetadataAllocatedResponse): type and capacity are the same in all messages,
// ranges are not empty, ascend without overlap, also across messages, and end after
// starting_offset; a message has at most max_results of them; FIXED_LENGTH ones are all as long.
absl::StatusOr<SnapshotMetadataRead> ReadMetadata(
    Driver& driver, const csi::v1::GetMetadataAllocatedRequest& request);
absl::StatusOr<SnapshotMetadataRead> ReadMetadata(Driver& driver,
                                                  const csi::v1::GetMetadataDeltaRequest& request);

// The ranges from `offset` on, those that touch made one.
std::vector<ByteRange> CoverageFrom(int64_t offset, const std::vector<ByteRange>& ranges);

// What one has who knows `base` and reads of `target` the ranges alone. Both are whole devices.
std::string Patched(std::string base, const std::string& target,
                    const std::vector<ByteRange>& ranges);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_METADATA_STREAM_H_

// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/metadata_stream.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace nodevol::testing {
namespace {

// Takes the messages of a stream and sees that they keep the rules.
class StreamReader {
 public:
  StreamReader(int64_t starting_offset, int32_t max_results)
      : starting_offset_(starting_offset), max_results_(max_results) {}

  template <typename Response>
  void Take(const Response& message) {
    if (read_.messages == 0) {
      read_.type = message.block_metadata_type();
      read_.capacity = message.volume_capacity_bytes();
    }
    ++read_.messages;
    if (message.block_metadata_type() != read_.type) Complain("the type changes");
    if (read_.type == csi::v1::BlockMetadataType::UNKNOWN) Complain("the type is not said");
    if (message.volume_capacity_bytes() != read_.capacity) Complain("the capacity changes");
    if (max_results_ > 0 && message.block_metadata_size() > max_results_) {
      Complain(absl::StrCat(message.block_metadata_size(), " ranges in a message"));
    }
    for (const csi::v1::BlockMetadata& block : message.block_metadata()) TakeBlock(block);
  }

  [[nodiscard]] absl::StatusOr<SnapshotMetadataRead> Result() const {
    RETURN_IF_ERROR(broken_);
    return read_;
  }

 private:
  void TakeBlock(const csi::v1::BlockMetadata& block) {
    const ByteRange range = {block.byte_offset(), block.byte_offset() + block.size_bytes()};
    const std::string text = absl::StrCat(range.begin, "-", range.end);
    if (range.begin < 0 || range.end <= range.begin) Complain(absl::StrCat(text, " is empty"));
    if (range.end <= starting_offset_) Complain(absl::StrCat(text, " ends before the offset"));
    if (!read_.ranges.empty()) {
      const ByteRange& before = read_.ranges.back();
      if (range.begin < before.end) Complain(absl::StrCat(text, " is out of order"));
      const bool fixed = read_.type == csi::v1::BlockMetadataType::FIXED_LENGTH;
      if (fixed && range.end - range.begin != before.end - before.begin) {
        Complain(absl::StrCat(text, " has another length"));
      }
    }
    read_.ranges.push_back(range);
  }
  void Complain(const std::string& what) {
    if (broken_.ok()) broken_ = absl::DataLossError(what);
  }

  const int64_t starting_offset_;
  const int32_t max_results_;
  SnapshotMetadataRead read_;
  absl::Status broken_;
};

template <typename Method, typename Request>
absl::StatusOr<SnapshotMetadataRead> ReadWith(Driver& driver, Method method,
                                              const Request& request) {
  StreamReader reader(request.starting_offset(), request.max_results());
  RETURN_IF_ERROR(driver.Stream(method, request, [&reader](const auto& message) {
    reader.Take(message);
    return true;
  }));
  return reader.Result();
}

}  // namespace

absl::StatusOr<SnapshotMetadataRead> ReadMetadata(
    Driver& driver, const csi::v1::GetMetadataAllocatedRequest& request) {
  return ReadWith(driver, &SnapshotMetadata::GetMetadataAllocated, request);
}

absl::StatusOr<SnapshotMetadataRead> ReadMetadata(Driver& driver,
                                                  const csi::v1::GetMetadataDeltaRequest& request) {
  return ReadWith(driver, &SnapshotMetadata::GetMetadataDelta, request);
}

std::vector<ByteRange> CoverageFrom(int64_t offset, const std::vector<ByteRange>& ranges) {
  std::vector<ByteRange> coverage;
  for (const ByteRange& range : ranges) {
    if (range.end <= offset) continue;
    const int64_t begin = std::max(range.begin, offset);
    if (!coverage.empty() && coverage.back().end == begin) {
      coverage.back().end = range.end;
    } else {
      coverage.push_back({begin, range.end});
    }
  }
  return coverage;
}

std::string Patched(std::string base, const std::string& target,
                    const std::vector<ByteRange>& ranges) {
  base.resize(target.size());
  for (const ByteRange& range : ranges) {
    const auto begin = static_cast<size_t>(range.begin);
    if (begin >= target.size()) continue;
    const size_t count = std::min(static_cast<size_t>(range.end), target.size()) - begin;
    base.replace(begin, count, target, begin, count);
  }
  return base;
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include "bench/block_bench.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "bench/interruption.h"
#include "bench/round.h"
#include "bench/stand.h"
#include "host/file.h"
#include "storage/layout.h"

namespace nodevol::bench {
namespace {

using testing::CsiClient;
using testing::VolumeClient;

constexpr int64_t kBlock = 4096;
constexpr int64_t kChunk = kMiB;
// Room for the largest volume, and for what its snapshots pin.
constexpr int64_t kPoolBytes = 96 * kGiB;
// A call takes milliseconds: more tell nothing new.
constexpr int kMostCalls = 50;
constexpr int kReadings = 3;
// Reading everything of a larger volume once is enough.
constexpr int64_t kLargeBytes = 8 * kGiB;

struct Shape {
  int64_t volume_bytes;
  int ranges;
};
constexpr Shape kShapes[] = {{4 * kGiB, 3},      {4 * kGiB, 100},  {4 * kGiB, 1000},
                             {4 * kGiB, 10'000}, {1 * kGiB, 1000}, {64 * kGiB, 1000}};

// Memory that direct I/O can read into.
class Buffer {
 public:
  Buffer() : data_(static_cast<char*>(std::aligned_alloc(kBlock, kChunk)), &std::free) {}

  // Reads a chunk past the page cache; zeros behind the end.
  absl::Status Read(int fd, int64_t offset) {
    const ssize_t got = ::pread(fd, data_.get(), kChunk, offset);
    if (got < 0) return ErrnoStatus(errno, "read an image");
    std::memset(data_.get() + got, 0, static_cast<size_t>(kChunk - got));
    return absl::OkStatus();
  }
  [[nodiscard]] const char* block(int64_t offset) const { return data_.get() + offset; }

 private:
  const std::unique_ptr<char, void (*)(void*)> data_;
};

// What is known of a snapshot's blocks without its extents: how many are not zeros, or differ from
// those of `base` (< 0: none).
absl::StatusOr<int> CountByReading(int base, int target, int64_t bytes) {
  static constexpr char kZeros[kBlock] = {};
  Buffer ours;
  Buffer theirs;
  int count = 0;
  for (int64_t offset = 0; offset < bytes; offset += kChunk) {
    RETURN_IF_ERROR(CheckNotInterrupted());
    RETURN_IF_ERROR(ours.Read(target, offset));
    if (base >= 0) RETURN_IF_ERROR(theirs.Read(base, offset));
    for (int64_t at = 0; at < kChunk; at += kBlock) {
      const char* const other = base >= 0 ? theirs.block(at) : kZeros;
      if (std::memcmp(ours.block(at), other, kBlock) != 0) ++count;
    }
  }
  return count;
}

template <typename Message, typename Request>
absl::StatusOr<int> CountByAsking(CsiClient& client,
                                  std::unique_ptr<grpc::ClientReader<Message>> (
                                      CsiClient::SnapshotMetadata::*method)(grpc::ClientContext*,
                                                                            const Request&),
                                  const Request& request) {
  int count = 0;
  RETURN_IF_ERROR((client.Stream<CsiClient::SnapshotMetadata, Request, Message>(
      method, request, [&count](const Message& message) {
        count += message.block_metadata_size();
        return true;
      })));
  return count;
}

class BlockBench {
 public:
  BlockBench(Stand& stand, const PoolPlan& plan, const RunOptions& options)
      : stand_(stand),
        plan_(plan),
        calls_(std::min(options.samples, kMostCalls)),
        client_(stand.socket_path(), {.capability = testing::BlockCapability()},
                absl::Minutes(10)) {}

  // A volume of this shape: every range is one block, all are written before the first snapshot and
  // again before the second.
  absl::StatusOr<BlockRow> Measure(const Shape& shape) {
    BlockRow row;
    row.volume_bytes = shape.volume_bytes;
    row.ranges = shape.ranges;
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_.Create("blocks", shape.volume_bytes));
    const std::string& id = volume.volume_id();
    RETURN_IF_ERROR(client_.Stage(id, places_.Staging(0)));
    RETURN_IF_ERROR(client_.Publish(id, places_.Staging(0), places_.Target(0)));
    RETURN_IF_ERROR(Write(shape, 'a'));
    ASSIGN_OR_RETURN(const csi::v1::Snapshot base, client_.Snapshot("base", id));
    RETURN_IF_ERROR(Write(shape, 'b'));
    ASSIGN_OR_RETURN(const csi::v1::Snapshot target, client_.Snapshot("target", id));
    RETURN_IF_ERROR(client_.Unpublish(id, places_.Target(0)));
    RETURN_IF_ERROR(client_.Unstage(id, places_.Staging(0)));
    RETURN_IF_ERROR(stand_.Settle());
    RETURN_IF_ERROR(Ask(base.snapshot_id(), target.snapshot_id(), row));
    RETURN_IF_ERROR(Read(base.snapshot_id(), target.snapshot_id(), row));
    RETURN_IF_ERROR(client_.DeleteSnapshot(base.snapshot_id()));
    RETURN_IF_ERROR(client_.DeleteSnapshot(target.snapshot_id()));
    RETURN_IF_ERROR(client_.Delete(id));
    RETURN_IF_ERROR(stand_.Settle());
    return row;
  }

 private:
  absl::Status Write(const Shape& shape, char content) const {
    ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(places_.Target(0), O_RDWR));
    const std::string block(kBlock, content);
    const int64_t apart = shape.volume_bytes / shape.ranges / kBlock * kBlock;
    for (int i = 0; i < shape.ranges; ++i) {
      if (::pwrite(device.get(), block.data(), block.size(), i * apart) != kBlock) {
        return ErrnoStatus(errno, "write a block");
      }
    }
    return host::Sync(device.get());
  }

  // Does the same several times; each time must find all ranges.
  template <typename Count>
  static absl::StatusOr<Phase> Repeat(int times, int ranges, Count count) {
    return RunLoad(1, times, [&](int, int) -> absl::Status {
      ASSIGN_OR_RETURN(const int found, count());
      if (found == ranges) return absl::OkStatus();
      return absl::InternalError(absl::StrCat(found, " ranges instead of ", ranges));
    });
  }

  absl::Status Ask(const std::string& base, const std::string& target, BlockRow& row) {
    csi::v1::GetMetadataAllocatedRequest allocated;
    allocated.set_snapshot_id(target);
    csi::v1::GetMetadataDeltaRequest delta;
    delta.set_base_snapshot_id(base);
    delta.set_target_snapshot_id(target);
    ASSIGN_OR_RETURN(row.allocated, Repeat(calls_, row.ranges, [&] {
                       return CountByAsking(client_.csi(),
                                            &CsiClient::SnapshotMetadata::GetMetadataAllocated,
                                            allocated);
                     }));
    ASSIGN_OR_RETURN(row.delta, Repeat(calls_, row.ranges, [&] {
                       return CountByAsking(client_.csi(),
                                            &CsiClient::SnapshotMetadata::GetMetadataDelta, delta);
                     }));
    return absl::OkStatus();
  }

  [[nodiscard]] absl::StatusOr<UniqueFd> OpenImage(const std::string& snapshot) const {
    const bool subvolume = plan_.filesystem == host::FilesystemType::kBtrfs;
    const std::string object =
        absl::StrCat(stand_.filesystem(), "/", storage::kSnapshotsDirectory, "/", snapshot, "/",
                     subvolume ? absl::StrCat(storage::kImageSubvolume, "/") : "");
    return host::OpenPath(object + storage::kImageFile, O_RDONLY | O_DIRECT);
  }

  absl::Status Read(const std::string& base, const std::string& target, BlockRow& row) const {
    const int times = row.volume_bytes > kLargeBytes ? 1 : kReadings;
    ASSIGN_OR_RETURN(const UniqueFd older, OpenImage(base));
    ASSIGN_OR_RETURN(const UniqueFd newer, OpenImage(target));
    ASSIGN_OR_RETURN(row.read_allocated, Repeat(times, row.ranges, [&] {
                       return CountByReading(-1, newer.get(), row.volume_bytes);
                     }));
    ASSIGN_OR_RETURN(row.read_delta, Repeat(times, row.ranges, [&] {
                       return CountByReading(older.get(), newer.get(), row.volume_bytes);
                     }));
    return absl::OkStatus();
  }

  Stand& stand_;
  const PoolPlan& plan_;
  const int calls_;
  VolumeClient client_;
  const Places places_{1};
};

}  // namespace

absl::StatusOr<BlockResult> BenchBlocks(const PoolPlan& plan, const RunOptions& options) {
  const absl::Duration begun = MonotonicNow();
  ASSIGN_OR_RETURN(Stand stand, Stand::Start({.type = plan.filesystem,
                                              .bytes = kPoolBytes,
                                              .mount_option = plan.mount_option}));
  BlockResult result = {.pool = plan.name, .rows = {}};
  {
    BlockBench bench(stand, plan, options);
    for (const Shape& shape : kShapes) {
      ASSIGN_OR_RETURN(BlockRow row, bench.Measure(shape));
      result.rows.push_back(std::move(row));
    }
  }
  RETURN_IF_ERROR(stand.Stop());
  std::fprintf(stderr, "%s: blocks of snapshots in %.1f s\n", plan.name.c_str(),
               absl::ToDoubleSeconds(MonotonicNow() - begun));
  return result;
}

}  // namespace nodevol::bench

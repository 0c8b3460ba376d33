// SPDX-License-Identifier: Apache-2.0
//
// Group 18, SnapshotMetadata: of block volumes, compared byte by byte with what is in a volume that
// was made from the snapshot.
#include <fcntl.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "test/conformance/fixture.h"
#include "test/conformance/metadata_stream.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::Le;

class SnapshotMetadataConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
    REQUIRE_ANNOUNCED(PluginService::SNAPSHOT_METADATA_SERVICE);
    if (!driver().IsBlock()) GTEST_SKIP() << "the service is for block volumes";
  }

  // Writes bytes of this value to the device, durably.
  static void WriteAt(const NodeVolume& volume, const ByteRange& range, char value) {
    const UniqueFd device(::open(volume.Target().c_str(), O_WRONLY | O_CLOEXEC));
    const std::string bytes(static_cast<size_t>(range.end - range.begin), value);
    ASSERT_EQ(::pwrite(device.get(), bytes.data(), bytes.size(), range.begin),
              static_cast<ssize_t>(bytes.size()));
    ASSERT_EQ(::fsync(device.get()), 0);
  }
  // A volume with data here and there, and a snapshot of it; then more data, and another snapshot.
  void MakeSnapshots() {
    ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
    volume_id_ = volume.id();
    const int64_t half = Bytes() / 2;
    for (const ByteRange& range :
         {ByteRange{0, 4096}, ByteRange{3 * kMiB + 512, 3 * kMiB + 70'000},
          ByteRange{half, half + kMiB}, ByteRange{Bytes() - 4096, Bytes()}}) {
      ASSERT_NO_FATAL_FAILURE(WriteAt(volume, range, 'a'));
    }
    ASSERT_NO_FATAL_FAILURE(Snapshot(volume, "base", base_));
    for (const ByteRange& range :
         {ByteRange{4096, 8192}, ByteRange{3 * kMiB + 1024, 3 * kMiB + 1536},
          ByteRange{half - 8192, half + 8192}}) {
      ASSERT_NO_FATAL_FAILURE(WriteAt(volume, range, 'b'));
    }
    ASSERT_NO_FATAL_FAILURE(Snapshot(volume, "target", target_));
  }
  // Of the volume at rest: not every driver cuts those in use.
  void Snapshot(NodeVolume& volume, const std::string& label, std::string& id) {
    ASSERT_OK(volume.Stop());
    ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(volume.id(), label));
    id = snapshot.snapshot_id();
    ASSERT_OK(volume.Start());
  }
  // The whole content of a volume that is made from the snapshot.
  std::string ContentOf(const std::string& snapshot_id, const std::string& label) {
    csi::v1::CreateVolumeRequest request = VolumeRequest(label);
    request.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(snapshot_id);
    const absl::StatusOr<csi::v1::Volume> restored = Create(request);
    EXPECT_OK(restored);
    if (!restored.ok()) return "";
    NodeVolume on_node = OnNode(*restored, label);
    EXPECT_OK(on_node.Start());
    const auto content = on_node.In().Read("", static_cast<size_t>(restored->capacity_bytes()));
    EXPECT_OK(content);
    return content.value_or("");
  }

  static csi::v1::GetMetadataAllocatedRequest Allocated(const std::string& snapshot,
                                                        int64_t offset = 0,
                                                        int32_t max_results = 0) {
    csi::v1::GetMetadataAllocatedRequest request;
    request.set_snapshot_id(snapshot);
    request.set_starting_offset(offset);
    request.set_max_results(max_results);
    return request;
  }
  static csi::v1::GetMetadataDeltaRequest Delta(const std::string& base, const std::string& target,
                                                int64_t offset = 0, int32_t max_results = 0) {
    csi::v1::GetMetadataDeltaRequest request;
    request.set_base_snapshot_id(base);
    request.set_target_snapshot_id(target);
    request.set_starting_offset(offset);
    request.set_max_results(max_results);
    return request;
  }
  template <typename Request>
  static absl::StatusOr<SnapshotMetadataRead> Ask(const Request& request) {
    return ReadMetadata(driver(), request);
  }
  // From every edge and the middle of every range on, in messages of any size, a stream has all
  // that makes `target` of `base`; and where a CO goes on, after a range, what the whole stream has
  // there.
  template <typename Make>
  void ExpectGoesOn(const Make& make, const std::string& base, const std::string& target) {
    ASSERT_OK_AND_ASSIGN(const SnapshotMetadataRead whole, Ask(make(0, 0)));
    ASSERT_FALSE(whole.ranges.empty());
    std::set<int64_t> offsets = {0, 1, whole.capacity - 1};
    std::set<int64_t> ends;
    for (const ByteRange& range : whole.ranges) {
      offsets.insert({range.begin, (range.begin + range.end) / 2, range.end - 1});
      if (range.end < whole.capacity) ends.insert(range.end);
    }
    offsets.insert(ends.begin(), ends.end());
    for (const int64_t offset : offsets) {
      SCOPED_TRACE(absl::StrCat("from ", offset, " on"));
      ASSERT_OK_AND_ASSIGN(const SnapshotMetadataRead part, Ask(make(offset, 0)));
      const auto from = static_cast<size_t>(offset);
      EXPECT_TRUE(Patched(base, target, part.ranges)
                      .compare(from, std::string::npos, target, from, std::string::npos) == 0)
          << "data are in no range";
      if (ends.contains(offset)) {
        EXPECT_EQ(CoverageFrom(offset, part.ranges), CoverageFrom(offset, whole.ranges));
      }
      for (const int32_t max_results : {1, 2}) {
        ASSERT_OK_AND_ASSIGN(const SnapshotMetadataRead paged, Ask(make(offset, max_results)));
        EXPECT_EQ(paged.ranges, part.ranges) << "in messages of " << max_results;
      }
    }
  }

  std::string volume_id_;
  std::string base_;
  std::string target_;
};

// "data ranges that have valid data": the rest is zeros.
TEST_F(SnapshotMetadataConformance, AllocatedRangesHaveAllThatIsInTheSnapshot) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  for (const std::string& snapshot : {base_, target_}) {
    ASSERT_OK_AND_ASSIGN(const SnapshotMetadataRead read, Ask(Allocated(snapshot)));
    const std::string content = ContentOf(snapshot, snapshot == base_ ? "of-base" : "of-target");
    EXPECT_EQ(read.capacity, static_cast<int64_t>(content.size()));
    EXPECT_TRUE(Patched(std::string(content.size(), '\0'), content, read.ranges) == content)
        << "data are in no range";
  }
}

// "ranges that have changed between" the two: base and these are the target.
TEST_F(SnapshotMetadataConformance, DeltaRangesHaveAllThatHasChanged) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  ASSERT_OK_AND_ASSIGN(const SnapshotMetadataRead delta, Ask(Delta(base_, target_)));
  const std::string target = ContentOf(target_, "of-target");
  EXPECT_EQ(delta.capacity, static_cast<int64_t>(target.size()));
  EXPECT_TRUE(Patched(ContentOf(base_, "of-base"), target, delta.ranges) == target)
      << "a change is in no range";
  int64_t bytes = 0;
  for (const ByteRange& range : delta.ranges) bytes += range.end - range.begin;
  EXPECT_THAT(bytes, Le(Bytes() / 2)) << "little has changed";
}

TEST_F(SnapshotMetadataConformance, DeltaOfAVolumeThatNobodyWroteToIsSound) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart("quiet"));
  std::string first;
  std::string second;
  ASSERT_NO_FATAL_FAILURE(Snapshot(volume, "first", first));
  ASSERT_NO_FATAL_FAILURE(Snapshot(volume, "second", second));
  ASSERT_OK_AND_ASSIGN(const SnapshotMetadataRead delta, Ask(Delta(first, second)));
  const std::string content = ContentOf(second, "of-second");
  EXPECT_TRUE(Patched(ContentOf(first, "of-first"), content, delta.ranges) == content);
}

// starting_offset, max_results; "it MAY attempt to continue the operation".
TEST_F(SnapshotMetadataConformance, StreamGoesOnFromAnyOffset) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  const std::string base = ContentOf(base_, "of-base");
  const std::string target = ContentOf(target_, "of-target");
  ASSERT_NO_FATAL_FAILURE(
      ExpectGoesOn([&](int64_t offset, int32_t most) { return Allocated(target_, offset, most); },
                   std::string(target.size(), '\0'), target));
  ASSERT_NO_FATAL_FAILURE(ExpectGoesOn(
      [&](int64_t offset, int32_t most) { return Delta(base_, target_, offset, most); }, base,
      target));
}

// "GetMetadataAllocated Errors", "GetMetadataDelta Errors", Invalid starting_offset.
TEST_F(SnapshotMetadataConformance, OffsetOutsideTheVolumeIsOutOfRange) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  for (const int64_t offset : {int64_t{-1}, 2 * Bytes(), int64_t{1} << 62}) {
    EXPECT_THAT(Ask(Allocated(target_, offset)), StatusIs(StatusCode::kOutOfRange)) << offset;
    EXPECT_THAT(Ask(Delta(base_, target_, offset)), StatusIs(StatusCode::kOutOfRange)) << offset;
  }
}

// The same tables, Missing or otherwise invalid argument.
TEST_F(SnapshotMetadataConformance, MissingOrImpossibleArgumentsAreInvalid) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  EXPECT_THAT(Ask(Allocated("")), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Ask(Delta("", target_)), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Ask(Delta(base_, "")), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Ask(Allocated(target_, 0, -1)), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Ask(Delta(base_, target_, 0, -1)), StatusIs(StatusCode::kInvalidArgument));
}

// GetMetadataDeltaRequest.target_snapshot_id: "in the same volume, created after the base".
TEST_F(SnapshotMetadataConformance, TargetMustBeALaterSnapshotOfTheSameVolume) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  EXPECT_THAT(Ask(Delta(target_, base_)), StatusIs(StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume other, CreateVolume("other"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot foreign,
                       CreateSnapshot(other.volume_id(), "foreign"));
  EXPECT_THAT(Ask(Delta(base_, foreign.snapshot_id())), StatusIs(StatusCode::kInvalidArgument));
}

// The same tables, Invalid snapshot_id.
TEST_F(SnapshotMetadataConformance, UnknownSnapshotIsNotFound) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  EXPECT_THAT(Ask(Allocated("no-such-snapshot")), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Ask(Delta("no-such-snapshot", target_)), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Ask(Delta(base_, "no-such-snapshot")), StatusIs(StatusCode::kNotFound));
}

// A snapshot does not change when its volume grows. That it outlives it is in
// delete_volume_test.cc.
TEST_F(SnapshotMetadataConformance, MetadataAreTheSnapshotsAndNotTheVolumes) {
  REQUIRE_ANNOUNCED(ControllerRpc::EXPAND_VOLUME);
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  ASSERT_OK_AND_ASSIGN(const SnapshotMetadataRead before, Ask(Delta(base_, target_)));
  csi::v1::ControllerExpandVolumeRequest expand;
  expand.set_volume_id(volume_id_);
  expand.mutable_capacity_range()->set_required_bytes(2 * Bytes());
  ASSERT_OK(driver().Call(&Controller::ControllerExpandVolume, expand));
  ASSERT_OK_AND_ASSIGN(const SnapshotMetadataRead after, Ask(Delta(base_, target_)));
  EXPECT_EQ(after.capacity, before.capacity);
  EXPECT_EQ(after.ranges, before.ranges);
}

// "The SP will get an error when writing to the stream and MUST abort its transmission."
TEST_F(SnapshotMetadataConformance, StreamOfAClientThatIsGoneEnds) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  for (int i = 0; i < 20; ++i) {
    const absl::Status ended =
        driver().Stream(&SnapshotMetadata::GetMetadataAllocated, Allocated(target_, 0, 1),
                        [](const auto&) { return false; });
    // It may have ended before it was cancelled.
    EXPECT_THAT(ended, StatusIsEither(StatusCode::kCancelled, StatusCode::kOk));
  }
  EXPECT_OK(Ask(Allocated(target_))) << "the driver is busy with those";
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// Group 4, CreateVolume with a content source: its size, its content, its kind. Each test is about
// a snapshot and about a volume as source.
#include <string>

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::Ge;

constexpr char kContent[] = "what the source has";

enum class Source { kSnapshot, kVolume };

std::string NameOfSource(const ::testing::TestParamInfo<Source>& info) {
  return info.param == Source::kSnapshot ? "Snapshot" : "Volume";
}

class ContentSourceConformance : public VolumeTest, public ::testing::WithParamInterface<Source> {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    if (GetParam() == Source::kSnapshot) {
      REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
    } else {
      REQUIRE_ANNOUNCED(ControllerRpc::CLONE_VOLUME);
    }
    ASSERT_NO_FATAL_FAILURE(MakeSource());
  }
  void MakeSource() {
    ASSERT_OK_AND_ASSIGN(NodeVolume source, CreateAndStart("source"));
    ASSERT_OK(source.In().Write("content", kContent));
    ASSERT_OK(source.Stop());
    source_bytes_ = source.volume().capacity_bytes();
    if (GetParam() == Source::kVolume) {
      source_.mutable_volume()->set_volume_id(source.id());
      return;
    }
    ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(source.id()));
    source_.mutable_snapshot()->set_snapshot_id(snapshot.snapshot_id());
  }

  [[nodiscard]] csi::v1::CreateVolumeRequest CopyRequest(int64_t required) const {
    csi::v1::CreateVolumeRequest request = VolumeRequest("copy");
    request.clear_capacity_range();
    if (required != 0) request.mutable_capacity_range()->set_required_bytes(required);
    *request.mutable_volume_content_source() = source_;
    return request;
  }
  // The size that a workload sees in a new empty volume.
  int64_t SizeOfEmpty(int64_t required) {
    csi::v1::CreateVolumeRequest request = VolumeRequest("empty");
    request.mutable_capacity_range()->set_required_bytes(required);
    const absl::StatusOr<csi::v1::Volume> volume = Create(request);
    EXPECT_OK(volume);
    if (!volume.ok()) return 0;
    NodeVolume on_node = OnNode(*volume, "empty");
    EXPECT_OK(on_node.Start());
    return SizeSeenAt(on_node.Target()).value_or(0);
  }

  csi::v1::VolumeContentSource source_;
  int64_t source_bytes_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, ContentSourceConformance,
                         ::testing::Values(Source::kSnapshot, Source::kVolume), NameOfSource);

// CreateVolumeRequest.capacity_range is OPTIONAL with a source too.
TEST_P(ContentSourceConformance, CopyWithoutARangeHasTheSourcesSizeAndContent) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume copy, Create(CopyRequest(0)));
  EXPECT_THAT(copy.capacity_bytes(), Ge(source_bytes_));
  NodeVolume on_node = OnNode(copy, "copy");
  ASSERT_OK(on_node.Start());
  EXPECT_THAT(on_node.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// "CreateVolume": OUT_OF_RANGE, or a volume that "when presented to a workload ... has both the
// requested (larger) size and contains data".
TEST_P(ContentSourceConformance, LargerCopyIsLargerForItsWorkload) {
  const absl::StatusOr<csi::v1::Volume> copy = Create(CopyRequest(2 * source_bytes_));
  if (!copy.ok()) {
    EXPECT_THAT(copy, StatusIs(StatusCode::kOutOfRange));
    GTEST_SKIP() << "the driver makes no copy larger than its source";
  }
  EXPECT_THAT(copy->capacity_bytes(), Ge(2 * source_bytes_));
  NodeVolume on_node = OnNode(*copy, "copy");
  ASSERT_OK(on_node.Start());
  EXPECT_THAT(on_node.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  ASSERT_OK_AND_ASSIGN(const int64_t seen, SizeSeenAt(on_node.Target()));
  // A filesystem that has grown has another part for itself than a new one.
  EXPECT_THAT(seen, Ge(SizeOfEmpty(2 * source_bytes_) * 9 / 10));
}

// Snapshot.size_bytes; "CreateVolume Errors", Unsupported capacity_range.
TEST_P(ContentSourceConformance, SmallerCopyIsOutOfRange) {
  csi::v1::CreateVolumeRequest request = CopyRequest(source_bytes_ / 2);
  request.mutable_capacity_range()->set_limit_bytes(source_bytes_ / 2);
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kOutOfRange));
}

// "CreateVolume Errors", Source incompatible.
TEST_P(ContentSourceConformance, CopyOfTheOtherAccessTypeIsInvalid) {
  csi::v1::CreateVolumeRequest request = CopyRequest(0);
  *request.mutable_volume_capabilities(0) =
      driver().IsBlock() ? MountCapability() : BlockCapability();
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

// VolumeContentSource: one type MUST be specified, and its id is REQUIRED.
TEST_P(ContentSourceConformance, SourceThatNamesNothingIsInvalid) {
  csi::v1::CreateVolumeRequest request = CopyRequest(0);
  request.mutable_volume_content_source()->clear_type();
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument)) << "no type";
  if (GetParam() == Source::kSnapshot) {
    request.mutable_volume_content_source()->mutable_snapshot();
  } else {
    request.mutable_volume_content_source()->mutable_volume();
  }
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument)) << "no id";
}

// Volumes and their copies are independent in what they hold.
TEST_P(ContentSourceConformance, WritingToACopyLeavesItsSourceAlone) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume copy, Create(CopyRequest(0)));
  NodeVolume written = OnNode(copy, "copy");
  ASSERT_OK(written.Start());
  ASSERT_OK(written.In().Write("content", std::string(sizeof(kContent) - 1, '!')));
  csi::v1::CreateVolumeRequest request = CopyRequest(0);
  request.set_name(UniqueName("second-copy"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume second, Create(request));
  NodeVolume on_node = OnNode(second, "second");
  ASSERT_OK(on_node.Start());
  EXPECT_THAT(on_node.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// Group 4, CapacityRange and capabilities of a new volume.
#include <cerrno>
#include <map>
#include <string>

#include "base/bytes.h"
#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::Le;

class CapacityConformance : public VolumeTest {
 protected:
  absl::StatusOr<csi::v1::Volume> CreateWithRange(int64_t required, int64_t limit,
                                                  const std::string& label = "volume") {
    csi::v1::CreateVolumeRequest request = VolumeRequest(label);
    request.mutable_capacity_range()->set_required_bytes(required);
    request.mutable_capacity_range()->set_limit_bytes(limit);
    return Create(request);
  }
  // The device's bytes, or how many can be written to a file.
  int64_t RoomIn(const csi::v1::Volume& volume) {
    NodeVolume on_node = OnNode(volume, "room");
    EXPECT_OK(on_node.Start());
    if (driver().IsBlock()) return SizeSeenAt(on_node.Target()).value_or(0);
    int error = 0;
    const int64_t taken =
        FillAtMost(on_node.In().File("flood"), 2 * volume.capacity_bytes(), error);
    EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT));
    return taken;
  }
};

// CapacityRange: "MUST NOT be negative".
TEST_F(CapacityConformance, NegativeSizeIsRefused) {
  EXPECT_THAT(CreateWithRange(-1, 0),
              StatusIsEither(StatusCode::kInvalidArgument, StatusCode::kOutOfRange));
  EXPECT_THAT(CreateWithRange(0, -1),
              StatusIsEither(StatusCode::kInvalidArgument, StatusCode::kOutOfRange));
}

TEST_F(CapacityConformance, RequiredAboveTheLimitIsRefused) {
  EXPECT_THAT(CreateWithRange(2 * Bytes(), Bytes()),
              StatusIsEither(StatusCode::kOutOfRange, StatusCode::kInvalidArgument));
}

// CapacityRange: "at least this big", "not be bigger than this".
TEST_F(CapacityConformance, RangeIsKeptWhateverTheRounding) {
  ASSERT_OK_AND_ASSIGN(const auto open, CreateWithRange(Bytes() + 1, 0, "open"));
  EXPECT_THAT(open.capacity_bytes(), Ge(Bytes() + 1));
  ASSERT_OK_AND_ASSIGN(const auto closed, CreateWithRange(Bytes() + 1, Bytes() + kMiB, "closed"));
  EXPECT_THAT(closed.capacity_bytes(), AllOf(Ge(Bytes() + 1), Le(Bytes() + kMiB)));
  ASSERT_OK_AND_ASSIGN(const auto exact, CreateWithRange(Bytes(), Bytes(), "exact"));
  EXPECT_EQ(exact.capacity_bytes(), Bytes());
  ASSERT_OK_AND_ASSIGN(const auto limited, CreateWithRange(0, Bytes(), "limited"));
  EXPECT_THAT(limited.capacity_bytes(), AllOf(Gt(0), Le(Bytes())));
}

// CapacityRange is OPTIONAL.
TEST_F(CapacityConformance, WithoutARangeThePluginChooses) {
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  request.clear_capacity_range();
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(request));
  EXPECT_THAT(volume.capacity_bytes(), Ge(0));
}

// CapacityRange: "at least one of these fields MUST be specified"; some take none for no range.
TEST_F(CapacityConformance, EmptyRangeIsNoRangeOrRefused) {
  const absl::StatusOr<csi::v1::Volume> volume = CreateWithRange(0, 0);
  if (volume.ok()) {
    EXPECT_THAT(volume->capacity_bytes(), Ge(0));
  } else {
    EXPECT_THAT(volume, StatusIsEither(StatusCode::kInvalidArgument, StatusCode::kOutOfRange));
  }
}

// "CreateVolume", the NOTE: a block volume matches the range, a filesystem keeps a part for itself.
TEST_F(CapacityConformance, VolumeIsAsLargeAsItSaysAndNoLarger) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateWithRange(Bytes() + 1, 0));
  const int64_t room = RoomIn(volume);
  if (driver().IsBlock()) {
    EXPECT_THAT(room, Ge(Bytes() + 1));
    EXPECT_EQ(room, volume.capacity_bytes());
  } else {
    EXPECT_THAT(room, AllOf(Ge(Bytes() / 3), Le(volume.capacity_bytes())));
  }
}

TEST_F(CapacityConformance, MoreThanThereIsIsRefusedAndLeavesNothing) {
  EXPECT_THAT(CreateWithRange(int64_t{1} << 60, 0),
              StatusIsEither(StatusCode::kResourceExhausted, StatusCode::kOutOfRange));
}

// CreateVolumeRequest.volume_capabilities: "ALL of the capabilities ... Otherwise" an error.
TEST_F(CapacityConformance, OneUnsupportedCapabilityOfSeveralIsRefused) {
  for (const AccessMode::Mode mode :
       {AccessMode::MULTI_NODE_READER_ONLY, AccessMode::MULTI_NODE_SINGLE_WRITER,
        AccessMode::MULTI_NODE_MULTI_WRITER}) {
    SCOPED_TRACE(AccessMode::Mode_Name(mode));
    csi::v1::CreateVolumeRequest alone = VolumeRequest(AccessMode::Mode_Name(mode));
    *alone.mutable_volume_capabilities(0) = InMode(options().capability, mode);
    const absl::StatusOr<csi::v1::Volume> supported = Create(alone);
    if (supported.ok()) continue;
    EXPECT_THAT(supported, StatusIs(StatusCode::kInvalidArgument));
    csi::v1::CreateVolumeRequest beside = VolumeRequest();
    *beside.add_volume_capabilities() = InMode(options().capability, mode);
    EXPECT_THAT(Create(beside), StatusIs(StatusCode::kInvalidArgument));
  }
}

// VolumeCapability: access mode and access type are REQUIRED.
TEST_F(CapacityConformance, CapabilityWithoutModeOrTypeIsRefused) {
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  request.mutable_volume_capabilities(0)->clear_access_mode();
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument)) << "no access mode";
  *request.mutable_volume_capabilities(0) = InMode(options().capability, AccessMode::UNKNOWN);
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument)) << "access mode UNKNOWN";
  *request.mutable_volume_capabilities(0) =
      InMode(options().capability, static_cast<AccessMode::Mode>(99));
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument)) << "access mode 99";
  request = VolumeRequest();
  request.mutable_volume_capabilities(0)->clear_access_type();
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument)) << "no access type";
}

// "Error Scheme": an unsupported field. CreateVolumeRequest.parameters: the plugin validates them.
TEST_F(CapacityConformance, UnknownParameterIsRefused) {
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  (*request.mutable_parameters())["conformance.example/no-such-parameter"] = "value";
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

// MountVolume.fs_type: "Otherwise SP MUST return the appropriate gRPC error code".
TEST_F(CapacityConformance, UnknownFilesystemIsRefused) {
  if (driver().IsBlock()) GTEST_SKIP() << "block volumes have no filesystem";
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  request.mutable_volume_capabilities(0)->mutable_mount()->set_fs_type("no-such-filesystem");
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

// Volume.volume_context: "SHALL always report the same".
TEST_F(CapacityConformance, VolumeContextIsTheSameForTheVolumesLife) {
  const auto context_of = [](const csi::v1::Volume& volume) {
    return std::map<std::string, std::string>(volume.volume_context().begin(),
                                              volume.volume_context().end());
  };
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  NodeVolume on_node = OnNode(volume);
  ASSERT_OK(on_node.Start());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume again, CreateVolume());
  EXPECT_EQ(context_of(again), context_of(volume));
  if (driver().Announces(ControllerRpc::LIST_VOLUMES)) {
    ASSERT_OK_AND_ASSIGN(const auto listed,
                         driver().Call(&Controller::ListVolumes, csi::v1::ListVolumesRequest()));
    for (const auto& entry : listed.entries()) {
      if (entry.volume().volume_id() != volume.volume_id()) continue;
      EXPECT_EQ(context_of(entry.volume()), context_of(volume));
    }
  }
  if (driver().Announces(ControllerRpc::GET_VOLUME)) {
    csi::v1::ControllerGetVolumeRequest request;
    request.set_volume_id(volume.volume_id());
    ASSERT_OK_AND_ASSIGN(const auto got, driver().Call(&Controller::ControllerGetVolume, request));
    EXPECT_EQ(context_of(got.volume()), context_of(volume));
  }
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// Group 11, ControllerExpandVolume and NodeExpandVolume.
#include <string>

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::Ge;

using VolumeExpansion = csi::v1::PluginCapability::VolumeExpansion;

constexpr char kContent[] = "from before it grew";

class ExpandConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::EXPAND_VOLUME);
  }

  [[nodiscard]] static csi::v1::ControllerExpandVolumeRequest Request(const std::string& id,
                                                                      int64_t required,
                                                                      int64_t limit = 0) {
    csi::v1::ControllerExpandVolumeRequest request;
    request.set_volume_id(id);
    request.mutable_capacity_range()->set_required_bytes(required);
    request.mutable_capacity_range()->set_limit_bytes(limit);
    *request.mutable_volume_capability() = options().capability;
    return request;
  }
  static absl::StatusOr<csi::v1::ControllerExpandVolumeResponse> Expand(
      const csi::v1::ControllerExpandVolumeRequest& request) {
    return driver().Call(&Controller::ControllerExpandVolume, request);
  }
  // Without a range where no size is given.
  [[nodiscard]] static csi::v1::NodeExpandVolumeRequest NodeRequest(const NodeVolume& volume,
                                                                    int64_t required = 0) {
    csi::v1::NodeExpandVolumeRequest request;
    request.set_volume_id(volume.id());
    request.set_volume_path(volume.Target());
    request.set_staging_target_path(volume.staging());
    if (required != 0) request.mutable_capacity_range()->set_required_bytes(required);
    return request;
  }
  static absl::StatusOr<csi::v1::NodeExpandVolumeResponse> ExpandOnNode(
      const csi::v1::NodeExpandVolumeRequest& request) {
    return driver().Call(&Node::NodeExpandVolume, request);
  }
  // Both halves, as a CO does; a filesystem that grows only when it is staged is staged again.
  static void Grow(NodeVolume& volume, int64_t bytes) {
    ASSERT_OK_AND_ASSIGN(const auto grown, Expand(Request(volume.id(), bytes)));
    EXPECT_THAT(grown.capacity_bytes(), Ge(bytes));
    if (!grown.node_expansion_required()) return;
    ASSERT_TRUE(driver().Announces(NodeRpc::EXPAND_VOLUME));
    const auto on_node = ExpandOnNode(NodeRequest(volume, bytes));
    if (on_node.ok()) return;
    // "NodeExpandVolume Errors", Volume in use.
    ASSERT_THAT(on_node, StatusIs(StatusCode::kFailedPrecondition));
    ASSERT_OK(volume.Stop());
    ASSERT_OK(volume.Start());
  }
  // The size that a workload sees in a new volume.
  int64_t SizeOfNew(int64_t bytes) {
    csi::v1::CreateVolumeRequest request = VolumeRequest("new");
    request.mutable_capacity_range()->set_required_bytes(bytes);
    const absl::StatusOr<csi::v1::Volume> created = Create(request);
    EXPECT_OK(created);
    if (!created.ok()) return 0;
    NodeVolume on_node = OnNode(*created, "new");
    EXPECT_OK(on_node.Start());
    return SizeSeenAt(on_node.Target()).value_or(0);
  }
};

// "PluginCapability": see VolumeExpansion for EXPAND_VOLUME. Without it no CO knows when to call.
TEST_F(ExpandConformance, OnlineOrOfflineIsAnnounced) {
  EXPECT_TRUE(driver().Announces(VolumeExpansion::ONLINE) ||
              driver().Announces(VolumeExpansion::OFFLINE));
}

// VolumeExpansion.ONLINE: "MUST support expansion of volumes currently published".
TEST_F(ExpandConformance, VolumeInUseGrowsForItsWorkload) {
  if (!driver().Announces(VolumeExpansion::ONLINE)) GTEST_SKIP() << "ONLINE is not announced";
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  ASSERT_NO_FATAL_FAILURE(Grow(volume, 2 * Bytes()));
  ASSERT_OK_AND_ASSIGN(const int64_t seen, SizeSeenAt(volume.Target()));
  // A filesystem that has grown has another part for itself than a new one.
  EXPECT_THAT(seen, Ge(SizeOfNew(2 * Bytes()) * 9 / 10));
  EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// "ControllerExpandVolume": "during any time in the lifecycle of the volume after creation".
TEST_F(ExpandConformance, UnusedVolumeIsLargerWhenItIsUsed) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kContent));
  ASSERT_OK(volume.Stop());
  ASSERT_OK_AND_ASSIGN(const auto grown, Expand(Request(volume.id(), 2 * Bytes())));
  EXPECT_THAT(grown.capacity_bytes(), Ge(2 * Bytes()));
  ASSERT_OK(volume.Start());
  if (grown.node_expansion_required()) {
    EXPECT_OK(ExpandOnNode(NodeRequest(volume, 2 * Bytes())));
  }
  ASSERT_OK_AND_ASSIGN(const int64_t seen, SizeSeenAt(volume.Target()));
  EXPECT_THAT(seen, Ge(SizeOfNew(2 * Bytes()) * 9 / 10));
  EXPECT_THAT(volume.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// "This operation MUST be idempotent"; already larger "SHOULD reply 0 OK". Nothing shrinks.
TEST_F(ExpandConformance, GrownAgainIsOkAndNothingShrinks) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK_AND_ASSIGN(const auto first, Expand(Request(volume.volume_id(), 2 * Bytes())));
  ASSERT_OK_AND_ASSIGN(const auto second, Expand(Request(volume.volume_id(), 2 * Bytes())));
  EXPECT_EQ(second.capacity_bytes(), first.capacity_bytes());
  ASSERT_OK_AND_ASSIGN(const auto smaller, Expand(Request(volume.volume_id(), Bytes() / 2)));
  EXPECT_EQ(smaller.capacity_bytes(), first.capacity_bytes());
  NodeVolume on_node = OnNode(volume);
  ASSERT_OK(on_node.Start());
  if (driver().IsBlock()) {
    EXPECT_THAT(SizeSeenAt(on_node.Target()), IsOkAndHolds(first.capacity_bytes()));
  }
}

// CapacityRange: "MUST NOT be negative"; capacity_range is REQUIRED.
TEST_F(ExpandConformance, NegativeOrMissingSizeIsRefused) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  EXPECT_THAT(Expand(Request(volume.volume_id(), -1)),
              StatusIsEither(StatusCode::kInvalidArgument, StatusCode::kOutOfRange));
  csi::v1::ControllerExpandVolumeRequest missing = Request(volume.volume_id(), 0);
  missing.clear_capacity_range();
  EXPECT_THAT(Expand(missing), StatusIs(StatusCode::kInvalidArgument));
}

// "ControllerExpandVolume Errors", Unsupported capacity_range.
TEST_F(ExpandConformance, RangeThatCannotBeIsOutOfRange) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  const std::string& id = volume.volume_id();
  EXPECT_THAT(Expand(Request(id, 0, volume.capacity_bytes() / 2)),
              StatusIs(StatusCode::kOutOfRange))
      << "a limit below what it has";
  EXPECT_THAT(Expand(Request(id, int64_t{1} << 60)), StatusIs(StatusCode::kOutOfRange))
      << "more than there is";
  EXPECT_THAT(Expand(Request(id, 4 * Bytes(), 2 * Bytes())),
              StatusIsEither(StatusCode::kOutOfRange, StatusCode::kInvalidArgument))
      << "required above the limit";
  ASSERT_OK_AND_ASSIGN(const auto now, Expand(Request(id, Bytes())));
  EXPECT_EQ(now.capacity_bytes(), volume.capacity_bytes()) << "it has grown nevertheless";
}

// "ControllerExpandVolume Errors", Exceeds capabilities; "NodeExpandVolume Errors", the same.
TEST_F(ExpandConformance, CapabilityThatTheVolumeLacksIsInvalid) {
  const csi::v1::VolumeCapability other =
      driver().IsBlock() ? MountCapability() : BlockCapability();
  csi::v1::CreateVolumeRequest both = VolumeRequest("both");
  *both.add_volume_capabilities() = other;
  if (Create(both).ok()) GTEST_SKIP() << "volumes are of both access types";
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  csi::v1::ControllerExpandVolumeRequest request = Request(volume.id(), 2 * Bytes());
  *request.mutable_volume_capability() = other;
  EXPECT_THAT(Expand(request), StatusIs(StatusCode::kInvalidArgument));
  if (!driver().Announces(NodeRpc::EXPAND_VOLUME)) return;
  csi::v1::NodeExpandVolumeRequest on_node = NodeRequest(volume, Bytes());
  *on_node.mutable_volume_capability() = other;
  EXPECT_THAT(ExpandOnNode(on_node), StatusIs(StatusCode::kInvalidArgument));
}

class NodeExpandConformance : public ExpandConformance {
 protected:
  void SetUp() override {
    ExpandConformance::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(NodeRpc::EXPAND_VOLUME);
  }
};

// NodeExpandVolumeRequest.capacity_range is OPTIONAL, and so is volume_capability.
TEST_F(NodeExpandConformance, RangeMayBeLeftOut) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  EXPECT_OK(ExpandOnNode(NodeRequest(volume)));
  csi::v1::NodeExpandVolumeRequest request = NodeRequest(volume);
  *request.mutable_volume_capability() = options().capability;
  EXPECT_OK(ExpandOnNode(request));
}

// "If ... already larger than or equal to the target capacity ... SHOULD reply 0 OK".
TEST_F(NodeExpandConformance, GrownAgainIsOk) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_NO_FATAL_FAILURE(Grow(volume, 2 * Bytes()));
  for (int i = 0; i < 2; ++i) EXPECT_OK(ExpandOnNode(NodeRequest(volume, 2 * Bytes())));
  EXPECT_OK(ExpandOnNode(NodeRequest(volume, Bytes())));
}

// "NodeExpandVolume": only what is published or staged "on the given volume_path".
TEST_F(NodeExpandConformance, OnlyTheVolumesOwnPathIsTaken) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart("volume"));
  ASSERT_OK_AND_ASSIGN(NodeVolume other, CreateAndStart("other"));
  csi::v1::NodeExpandVolumeRequest request = NodeRequest(volume, Bytes());
  for (const std::string& path : {other.Target(), directory(), directory() + "/nothing"}) {
    request.set_volume_path(path);
    EXPECT_THAT(ExpandOnNode(request), StatusIs(StatusCode::kNotFound)) << path;
  }
  ASSERT_OK(volume.Stop());
  EXPECT_THAT(ExpandOnNode(NodeRequest(volume, Bytes())), StatusIs(StatusCode::kNotFound))
      << "not in use";
}

}  // namespace
}  // namespace nodevol::testing

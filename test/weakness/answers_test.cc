// SPDX-License-Identifier: Apache-2.0
//
// Weaknesses of answers: OK to what cannot be served, codes that mean something else to the caller,
// figures of something else.
#include <string>

#include "absl/strings/str_cat.h"

#include "storage/ids.h"
#include "test/weakness/weakness_fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;

csi::v1::Topology Elsewhere(const csi::v1::Topology& here) {
  csi::v1::Topology elsewhere = here;
  for (auto& [key, value] : *elsewhere.mutable_segments()) value = "another-node";
  return elsewhere;
}

TEST_F(Weakness, W30_WhatCannotBeServedIsRefused) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(const auto info, Call(&Node::NodeGetInfo, csi::v1::NodeGetInfoRequest()));
  csi::v1::CreateVolumeRequest request = VolumeRequest("volume");
  *request.mutable_accessibility_requirements()->add_requisite() =
      Elsewhere(info.accessible_topology());
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kResourceExhausted));
  csi::v1::GetCapacityRequest capacity;
  *capacity.mutable_accessible_topology() = Elsewhere(info.accessible_topology());
  ASSERT_OK_AND_ASSIGN(const auto there, Call(&Controller::GetCapacity, capacity));
  EXPECT_EQ(there.available_capacity(), 0);
  request = VolumeRequest("volume");
  (*request.mutable_parameters())["no-such-parameter"] = "value";
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
  for (const std::string& name : {std::string(10'000, 'x'), std::string("a\x01z")}) {
    EXPECT_THAT(Create(VolumeRequest(name)), StatusIs(StatusCode::kInvalidArgument));
  }
  request = VolumeRequest("volume");
  request.mutable_volume_capabilities(0)->mutable_access_mode()->set_mode(AccessMode::UNKNOWN);
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(Weakness, W31_CodesOfTheController) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  ASSERT_OK_AND_ASSIGN(const std::string volume, node().CreateVolume("volume"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, client().Snapshot("snapshot", volume));
  EXPECT_THAT(client().Restore("smaller", snapshot.snapshot_id(), kMiB),
              StatusIs(StatusCode::kOutOfRange));
  EXPECT_OK(client().Restore("without-a-range", snapshot.snapshot_id()));
  EXPECT_THAT(client().ControllerExpand(volume, -1), StatusIs(StatusCode::kInvalidArgument));
  csi::v1::GetSnapshotRequest get;
  EXPECT_THAT(Call(&Controller::GetSnapshot, get), StatusIs(StatusCode::kInvalidArgument));
  csi::v1::ControllerUnpublishVolumeRequest unpublish;
  unpublish.set_volume_id(volume);
  unpublish.set_node_id("no-such-node");
  EXPECT_OK(Call(&Controller::ControllerUnpublishVolume, unpublish));
}

TEST_F(Weakness, W31_CodesOfTheNode) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPod("volume"));
  ASSERT_OK_AND_ASSIGN(const Pod other, StartPod("other"));
  EXPECT_THAT(client().Publish(pod.volume_id(), "", pod.target()),
              StatusIs(StatusCode::kFailedPrecondition));
  csi::v1::NodeExpandVolumeRequest expand;
  expand.set_volume_id(pod.volume_id());
  expand.set_volume_path(pod.target());
  EXPECT_OK(Call(&Node::NodeExpandVolume, expand)) << "capacity_range is OPTIONAL";
  for (const std::string& path : {other.target(), node().directory()}) {
    EXPECT_THAT(client().Stats(pod.volume_id(), path), StatusIs(StatusCode::kNotFound)) << path;
    EXPECT_THAT(client().NodeExpand(pod.volume_id(), path, kMiB), StatusIs(StatusCode::kNotFound))
        << path;
  }
}

TEST_F(Weakness, W32_FiguresAreTheVolumesWhereverItIsMounted) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  // Not a path as kubelet makes them.
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPod("volume"));
  ASSERT_OK_AND_ASSIGN(const auto stats, client().Stats(pod.volume_id(), pod.target()));
  ASSERT_GT(stats.usage_size(), 0);
  EXPECT_EQ(stats.usage(0).total(), node().ground().volume_bytes);
  csi::v1::NodeGetVolumeHealthRequest request;
  request.set_volume_id(pod.volume_id());
  request.set_volume_publish_path(pod.target());
  const auto health = Call(&Node::NodeGetVolumeHealth, request);
  if (absl::IsUnimplemented(health.status())) return;  // then nothing false is said of it
  ASSERT_OK(health);
  EXPECT_EQ(health->volume_health().health_statuses_size(), 0) << health->ShortDebugString();
}

// On one node; where the volume's pool is another's, that one answers for it.
TEST_F(Weakness, W34_ElsewhereIsNotUnknown) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(const std::string volume, node().CreateVolume("volume"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, client().Snapshot("snapshot", volume));
  // Ids say which pool, and so which node, to ask.
  const auto id = storage::VolumeId::Parse(volume);
  const auto snapshot_id = storage::SnapshotId::Parse(snapshot.snapshot_id());
  ASSERT_TRUE(id.has_value() && snapshot_id.has_value());
  EXPECT_EQ(id->pool_uuid(), snapshot_id->pool_uuid());
  const std::string elsewhere =
      storage::VolumeId::ForName("0123456789abcdef0123456789abcdef", "volume").text();
  const std::string unknown = storage::VolumeId::ForName(id->pool_uuid(), "no-such-name").text();
  EXPECT_THAT(client().Delete(elsewhere), StatusIs(StatusCode::kUnavailable))
      << "of a pool that is not here nothing can be said";
  EXPECT_OK(client().Delete(unknown));
}

}  // namespace
}  // namespace nodevol::testing

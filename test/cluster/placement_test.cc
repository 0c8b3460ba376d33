// SPDX-License-Identifier: Apache-2.0
//
// On which node volumes are made: where the topology says, where there is room, where their source
// is; and what is said of that.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "test/cluster/cluster_fixture.h"
#include "test/cluster/insist.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using Controller = CsiClient::Controller;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string NameAt(size_t node) { return absl::StrCat("node-", node + 1); }

// For the same from each replica.
constexpr std::array<size_t, Cluster::kReplicas> kEachReplica = {0, 1};

TEST_F(ClusterTest, TopologySaysWhere) {
  for (const size_t replica : kEachReplica) {
    for (size_t node = 0; node < Cluster::kNodes; ++node) {
      const std::string name = absl::StrCat("by-", replica, "-at-", node);
      ASSERT_OK_AND_ASSIGN(const csi::v1::Volume preferred,
                           Create(replica, cluster().RequestAt(name, kBytes, node)));
      EXPECT_EQ(NodeNameOf(preferred), NameAt(node));
      ASSERT_OK_AND_ASSIGN(const csi::v1::Volume only,
                           Create(replica, RequestOnlyAt(name + "-only", kBytes, node)));
      EXPECT_EQ(NodeNameOf(only), NameAt(node));
      // Once it is there, a later preference moves nothing.
      ASSERT_OK_AND_ASSIGN(
          const csi::v1::Volume again,
          Create(replica, cluster().RequestAt(name, kBytes, (node + 1) % Cluster::kNodes)));
      EXPECT_EQ(again.volume_id(), preferred.volume_id());
    }
    csi::v1::CreateVolumeRequest nowhere = RequestOnlyAt("nowhere", kBytes, 0);
    for (auto& [key, value] :
         *nowhere.mutable_accessibility_requirements()->mutable_requisite(0)->mutable_segments()) {
      value = "node-of-nobody";
    }
    nowhere.mutable_accessibility_requirements()->clear_preferred();
    EXPECT_THAT(Create(replica, nowhere),
                StatusIs(StatusCode::kResourceExhausted, HasSubstr("node-of-nobody")));
  }
}

TEST_F(ClusterTest, WhatIsPreferredAndFullIsNotMadeElsewhere) {
  for (const size_t replica : kEachReplica) {
    // There is room for it at node 3; to choose again is the scheduler's part.
    EXPECT_THAT(Create(replica, cluster().RequestAt("too-large-for-1", 8 * kGiB, 0)),
                StatusIs(StatusCode::kResourceExhausted, HasSubstr("node-1")));
    EXPECT_THAT(Create(replica, RequestOnlyAt("too-large-for-2", 8 * kGiB, 1)),
                StatusIs(StatusCode::kResourceExhausted, HasSubstr("node-2")));
  }
  ExpectHeld({});
}

TEST_F(ClusterTest, WithoutTopologyItGoesWhereThereIsMostRoom) {
  struct Step {
    int64_t bytes;
    const char* node;
  };
  // Each leaves less than two GiB where it is.
  const std::vector<Step> steps = {
      {kBytes, "node-3"}, {8 * kGiB, "node-3"}, {5 * kGiB, "node-2"}, {3 * kGiB, "node-1"}};
  for (size_t i = 0; i < steps.size(); ++i) {
    const size_t replica = i % Cluster::kReplicas;
    const csi::v1::CreateVolumeRequest request =
        RequestAnywhere(absl::StrCat("volume-", i), steps[i].bytes);
    // What the other replica had made a moment ago this one may count as room yet; then the node
    // refuses.
    const absl::StatusOr<csi::v1::Volume> volume =
        Insist([&] { return Create(replica, request); }, IsUndecidedOrNoRoom, absl::Minutes(1));
    ASSERT_OK(volume);
    EXPECT_EQ(NodeNameOf(*volume), steps[i].node) << HumanBytes(steps[i].bytes);
  }
  for (const size_t replica : kEachReplica) {
    EXPECT_THAT(Create(replica, RequestAnywhere("one-more", 3 * kGiB)),
                StatusIs(StatusCode::kResourceExhausted));
  }
}

TEST_F(ClusterTest, CopyGoesToItsSource) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume source, Create(0, RequestOnlyAt("source", kBytes, 0)));
  const absl::StatusOr<csi::v1::Snapshot> snapshot =
      Insist([&] { return cluster().ClientOf(1).Snapshot("snapshot", source.volume_id()); });
  ASSERT_OK(snapshot);
  for (const size_t replica : kEachReplica) {
    csi::v1::CreateVolumeRequest clone =
        RequestAnywhere(absl::StrCat("clone-by-", replica), kBytes);
    clone.mutable_volume_content_source()->mutable_volume()->set_volume_id(source.volume_id());
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume cloned, Create(replica, clone));
    EXPECT_EQ(NodeNameOf(cloned), "node-1");

    // The scheduler would rather have it at node 3.
    csi::v1::CreateVolumeRequest restore =
        cluster().RequestAt(absl::StrCat("restored-by-", replica), kBytes, 2);
    restore.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(
        snapshot->snapshot_id());
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored, Create(replica, restore));
    EXPECT_EQ(NodeNameOf(restored), "node-1");

    csi::v1::CreateVolumeRequest elsewhere =
        RequestOnlyAt(absl::StrCat("elsewhere-by-", replica), kBytes, 1);
    *elsewhere.mutable_volume_content_source() = restore.volume_content_source();
    EXPECT_THAT(Create(replica, elsewhere),
                StatusIs(StatusCode::kResourceExhausted, HasSubstr("node-1")));
  }
}

TEST_F(ClusterTest, CapacityIsToldOfEachSegment) {
  const auto rooms = [](size_t replica) -> absl::StatusOr<std::vector<int64_t>> {
    std::vector<int64_t> room;
    for (size_t node = 0; node < Cluster::kNodes; ++node) {
      ASSIGN_OR_RETURN(const int64_t at_node, cluster().RoomAt(replica, node));
      room.push_back(at_node);
    }
    return room;
  };
  ASSERT_OK_AND_ASSIGN(const std::vector<int64_t> before, rooms(0));
  EXPECT_TRUE(std::is_sorted(before.begin(), before.end()));
  for (size_t node = 0; node < Cluster::kNodes; ++node) {
    EXPECT_LT(before[node], Cluster::kPoolBytes[node]);
    EXPECT_GT(before[node], Cluster::kPoolBytes[node] / 4 * 3);
  }
  ASSERT_OK(Create(0, RequestOnlyAt("volume", kGiB, 1)));
  const std::vector<int64_t> after = {before[0], before[1] - kGiB, before[2]};
  for (const size_t replica : kEachReplica) {
    EXPECT_OK(Await([&]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::vector<int64_t> now, rooms(replica));
      // Records and directories take a little too.
      for (size_t node = 0; node < Cluster::kNodes; ++node) {
        if (std::abs(now[node] - after[node]) > 64 * kMiB) {
          return absl::InternalError(
              absl::StrCat(NameAt(node), " has ", now[node], " bytes, not ", after[node]));
        }
      }
      return absl::OkStatus();
    }));
  }
  csi::v1::GetCapacityRequest request;
  const auto all = cluster().ClientOf(0).csi().Call(&Controller::GetCapacity, request);
  ASSERT_OK(all);
  EXPECT_GT(all->available_capacity(), after[1] + after[2]) << "of all nodes together";
  *request.mutable_accessible_topology() = cluster().segment(0);
  for (auto& [key, value] : *request.mutable_accessible_topology()->mutable_segments()) {
    value = "node-of-nobody";
  }
  const auto nobodys = cluster().ClientOf(0).csi().Call(&Controller::GetCapacity, request);
  ASSERT_OK(nobodys);
  EXPECT_EQ(nobodys->available_capacity(), 0);
}

TEST_F(ClusterTest, GroupSnapshotIsOfOneNode) {
  std::vector<std::string> ids;
  for (const size_t node : {size_t{1}, size_t{1}, size_t{2}}) {
    ASSERT_OK_AND_ASSIGN(
        const csi::v1::Volume volume,
        Create(0, RequestOnlyAt(absl::StrCat("volume-", ids.size()), kBytes, node)));
    ids.push_back(volume.volume_id());
  }
  for (const size_t replica : kEachReplica) {
    const std::string name = absl::StrCat("group-by-", replica);
    const auto group =
        Insist([&] { return cluster().ClientOf(replica).SnapshotGroup(name, {ids[0], ids[1]}); });
    ASSERT_OK(group);
    std::vector<std::string> sources;
    for (const csi::v1::Snapshot& snapshot : group->snapshots()) {
      sources.push_back(snapshot.source_volume_id());
    }
    std::vector<std::string> expected = {ids[0], ids[1]};
    std::sort(expected.begin(), expected.end());
    std::sort(sources.begin(), sources.end());
    EXPECT_THAT(sources, ElementsAre(expected[0], expected[1]));
    const auto across = Insist([&] {
      return cluster().ClientOf(replica).SnapshotGroup(name + "-across", {ids[1], ids[2]});
    });
    EXPECT_THAT(across, StatusIs(StatusCode::kFailedPrecondition,
                                 AllOf(HasSubstr("node-2"), HasSubstr("node-3"))));
  }
}

}  // namespace
}  // namespace nodevol::testing

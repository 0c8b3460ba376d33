// SPDX-License-Identifier: Apache-2.0
//
// Two controller replicas over the same nodes: both at once, and one without the other.
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "test/cluster/cluster_fixture.h"
#include "test/cluster/load.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

constexpr unsigned kSeed = 1;  // of what clients do here, where chance is not the point

std::string LineOf(const csi::v1::Volume& volume) {
  return VolumeLine(volume.volume_id(), NodeNameOf(volume), volume.capacity_bytes());
}

// Neither says where: each replica chooses, by what it knows of the room, and that changes.
TEST_F(ClusterTest, OneNameAskedOfBothAtOnceIsOneVolume) {
  constexpr int kNames = 24;
  Holdings made;
  for (int i = 0; i < kNames; ++i) {
    const csi::v1::CreateVolumeRequest request =
        RequestAnywhere(absl::StrCat("volume-", i), kBytes * (1 + i % 3));
    absl::StatusOr<csi::v1::Volume> second;
    std::thread other([&] { second = Create(1, request); });
    const absl::StatusOr<csi::v1::Volume> first = Create(0, request);
    other.join();
    ASSERT_OK(first);
    ASSERT_OK(second);
    EXPECT_EQ(first->volume_id(), second->volume_id());
    made.insert(LineOf(*first));
  }
  ExpectHeld(made);
}

// Each asks for its own node at the same time.
TEST_F(ClusterTest, OneNameAskedOfBothForTwoNodesIsOneVolume) {
  constexpr size_t kNames = 12;
  Holdings made;
  for (size_t i = 0; i < kNames; ++i) {
    const std::string name = absl::StrCat("volume-", i);
    const auto request_at = [&name](size_t node) {
      return cluster().RequestAt(name, kBytes, node % Cluster::kNodes);
    };
    absl::StatusOr<csi::v1::Volume> second;
    std::thread other([&] { second = Create(1, request_at(i + 1)); });
    const absl::StatusOr<csi::v1::Volume> first = Create(0, request_at(i));
    other.join();
    ASSERT_OK(first);
    ASSERT_OK(second);
    EXPECT_EQ(first->volume_id(), second->volume_id());
    made.insert(LineOf(*first));
  }
  ExpectHeld(made);
}

TEST_F(ClusterTest, BothListTheSamePageByPageWhileOthersComeAndGo) {
  Holdings steady;
  for (size_t i = 0; i < 4 * Cluster::kNodes; ++i) {
    ASSERT_OK_AND_ASSIGN(
        const csi::v1::Volume volume,
        Create(i % Cluster::kReplicas,
               RequestOnlyAt(absl::StrCat("steady-", i), kBytes, i % Cluster::kNodes)));
    steady.insert(LineOf(volume));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectHeld(steady));

  std::atomic<bool> enough = false;
  absl::Status churned;
  std::thread churn([&] {
    for (size_t i = 0; !enough && churned.ok(); ++i) {
      const absl::StatusOr<csi::v1::Volume> volume =
          Create(i % Cluster::kReplicas,
                 RequestOnlyAt(absl::StrCat("passing-", i), kBytes, i % Cluster::kNodes));
      churned = volume.ok() ? Delete(i % Cluster::kReplicas, volume->volume_id()) : volume.status();
    }
  });
  for (int round = 0; round < 8; ++round) {
    for (size_t replica = 0; replica < Cluster::kReplicas; ++replica) {
      // Fails by itself when an id comes twice, or before one that is less.
      const absl::StatusOr<Holdings> listed = ListedBy(cluster(), replica, 1 + round);
      EXPECT_OK(listed);
      if (!listed.ok()) continue;
      size_t seen = 0;
      for (const std::string& line : *listed) seen += steady.count(line);
      EXPECT_EQ(seen, steady.size()) << "in pages of " << 1 + round;
    }
  }
  enough = true;
  churn.join();
  EXPECT_OK(churned);
  ExpectHeld(steady);
}

TEST_F(ClusterTest, ReplicaKilledInTheMiddleOfCreatesLosesAndDoublesNothing) {
  Load load(cluster(), /*clients=*/4, kSeed);
  EXPECT_OK(load.AwaitMore(10));
  for (size_t replica = 0; replica < Cluster::kReplicas; ++replica) {
    EXPECT_OK(cluster().replica(replica).Kill());
    // The other goes on.
    EXPECT_OK(load.AwaitMore(10));
    EXPECT_OK(cluster().replica(replica).Start());
    EXPECT_OK(load.AwaitMore(10));
  }
  ExpectAsAcknowledged(load);
}

}  // namespace
}  // namespace nodevol::testing

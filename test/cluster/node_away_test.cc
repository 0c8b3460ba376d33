// SPDX-License-Identifier: Apache-2.0
//
// A node without controllers, and controllers without a node.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "test/cluster/cluster_fixture.h"
#include "test/cluster/insist.h"
#include "test/cluster/load.h"
#include "test/service/pod.h"
#include "test/support/held_call.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using Controller = CsiClient::Controller;
using ::testing::HasSubstr;

constexpr unsigned kSeed = 2;  // not that of replicas_test.cc: names are made of it

// The replica has seen that the node is gone.
absl::Status AwaitAway(const Cluster& cluster, size_t replica, size_t node) {
  return Await([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t room, cluster.RoomAt(replica, node));
    return room == 0 ? absl::OkStatus() : absl::UnavailableError("it is connected");
  });
}

TEST_F(ClusterTest, NodeKilledUnderLoadComesBackWithAllThatItHad) {
  constexpr size_t kNode = 1;
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume,
                       Create(0, RequestOnlyAt("volume", kBytes, kNode)));
  ASSERT_NO_FATAL_FAILURE(
      ExpectHeld({VolumeLine(volume.volume_id(), NodeNameOf(volume), volume.capacity_bytes())}));
  Load load(cluster(), /*clients=*/4, kSeed);
  EXPECT_OK(load.AwaitMore(10));
  EXPECT_OK(cluster().node(kNode).member().Kill());
  for (size_t replica = 0; replica < Cluster::kReplicas; ++replica) {
    VolumeClient client = cluster().ClientOf(replica);
    EXPECT_THAT(client.Delete(volume.volume_id()), StatusIs(StatusCode::kUnavailable));
    EXPECT_THAT(client.ControllerExpand(volume.volume_id(), 2 * kBytes),
                StatusIs(StatusCode::kUnavailable));
    EXPECT_THAT(client.Snapshot("snapshot", volume.volume_id()),
                StatusIs(StatusCode::kUnavailable));
    EXPECT_THAT(client.Clone(absl::StrCat("clone-by-", replica), volume.volume_id()),
                StatusIs(StatusCode::kUnavailable));
    // It is there all the same.
    csi::v1::ControllerGetVolumeRequest request;
    request.set_volume_id(volume.volume_id());
    EXPECT_OK(client.csi().Call(&Controller::ControllerGetVolume, request));
    // Of this name nothing was ever sent there: the scheduler may take another node.
    EXPECT_OK(AwaitAway(cluster(), replica, kNode));
    const csi::v1::CreateVolumeRequest never_sent =
        RequestOnlyAt(absl::StrCat("never-sent-by-", replica), kBytes, kNode);
    EXPECT_THAT(Create(replica, never_sent),
                StatusIs(StatusCode::kResourceExhausted, HasSubstr("node-2")));
  }
  // The other nodes go on.
  EXPECT_OK(load.AwaitMore(10));
  EXPECT_OK(cluster().node(kNode).member().Start());
  EXPECT_OK(load.AwaitMore(10));
  EXPECT_OK(Delete(1, volume.volume_id()));
  ExpectAsAcknowledged(load);
}

// It dies while it makes the volume: until it is back nobody knows whether there is one, and if the
// scheduler took another node meanwhile, there would be two.
TEST_F(ClusterTest, CreateThatMayHaveBeenDoneIsUnavailableUntilItsNodeIsBack) {
  constexpr size_t kNode = 2;
  Member& node = cluster().node(kNode).member();
  const csi::v1::CreateVolumeRequest request = RequestOnlyAt("volume", kBytes, kNode);
  const auto create_once = [&request] {
    return cluster().ClientOf(0).csi().Call(&Controller::CreateVolume, request).status();
  };
  ASSERT_OK_AND_ASSIGN(HeldCall held,
                       HeldCall::Begin(node.pid(), {.name = "renameat2",
                                                    .number = SYS_renameat2,
                                                    .threads = "main-",
                                                    .trace = cluster().directory() + "/trace"}));
  absl::Status answer;
  std::thread caller([&] { answer = create_once(); });
  EXPECT_OK(held.AwaitHeld());
  EXPECT_EQ(::kill(node.pid(), SIGKILL), 0);
  held.ReleaseDying();
  caller.join();
  EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable));
  node.Kill().IgnoreError();  // we know that it is dead
  EXPECT_OK(AwaitAway(cluster(), 0, kNode));
  EXPECT_THAT(create_once(), StatusIs(StatusCode::kUnavailable));
  ASSERT_OK(cluster().MakeWhole());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(0, request));
  ExpectHeld({VolumeLine(volume.volume_id(), "node-3", volume.capacity_bytes())});
}

TEST_F(ClusterTest, NodeServesPodsWithoutAnyController) {
  constexpr size_t kNode = 0;
  const VolumeClass volume_class = {MountCapability("ext4"), {}};
  csi::v1::CreateVolumeRequest request = RequestOnlyAt("volume", 64 * kMiB, kNode);
  *request.mutable_volume_capabilities(0) = volume_class.capability;
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(0, request));
  for (size_t replica = 0; replica < Cluster::kReplicas; ++replica) {
    EXPECT_OK(cluster().replica(replica).Kill());
  }
  ClusterNode& node = cluster().node(kNode);
  const Pod pod(volume.volume_id(), cluster().directory(), "pod");
  {
    VolumeClient client(node.member().socket_path(), volume_class);
    ASSERT_OK(pod.Start(client));
    EXPECT_OK(client.Stats(volume.volume_id(), pod.target()));
  }
  EXPECT_OK(node.inside().Run([&pod] { return pod.Write("content", "precious"); }));
  EXPECT_NE(::access(pod.File("content").c_str(), F_OK), 0) << "mounted outside of the node";

  // Nor does it need one to begin again.
  EXPECT_OK(node.member().Kill());
  ASSERT_OK(node.member().Start());
  VolumeClient client(node.member().socket_path(), volume_class);
  EXPECT_OK(pod.Start(client)) << "a repeated call";
  EXPECT_OK(client.Stats(volume.volume_id(), pod.target()));
  EXPECT_OK(node.inside().Run([&pod]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::string content, pod.Read("content", 8));
    return content == "precious" ? absl::OkStatus() : absl::DataLossError(content);
  }));
  EXPECT_OK(pod.Stop(client));
  EXPECT_EQ(::rmdir(pod.staging().c_str()), 0);
  ASSERT_OK(cluster().MakeWhole());
  EXPECT_OK(Delete(1, volume.volume_id()));
}

}  // namespace
}  // namespace nodevol::testing

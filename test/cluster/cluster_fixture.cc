// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/cluster_fixture.h"

#include <cstdio>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"

#include "base/status_macros.h"
#include "test/client/grpc_environment.h"
#include "test/cluster/insist.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using Controller = CsiClient::Controller;
using ::testing::IsEmpty;

const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);

absl::Status DeleteListedVolumes(VolumeClient& client) {
  ASSIGN_OR_RETURN(const csi::v1::ListVolumesResponse list,
                   client.csi().Call(&Controller::ListVolumes, csi::v1::ListVolumesRequest()));
  for (const auto& entry : list.entries()) {
    RETURN_IF_ERROR(client.Delete(entry.volume().volume_id()));
  }
  return absl::OkStatus();
}

// Members of groups go with all of their group.
absl::Status DeleteListedSnapshots(VolumeClient& client) {
  ASSIGN_OR_RETURN(const csi::v1::ListSnapshotsResponse list,
                   client.csi().Call(&Controller::ListSnapshots, csi::v1::ListSnapshotsRequest()));
  std::map<std::string, csi::v1::VolumeGroupSnapshot> groups;
  for (const auto& entry : list.entries()) {
    const csi::v1::Snapshot& snapshot = entry.snapshot();
    if (snapshot.group_snapshot_id().empty()) {
      RETURN_IF_ERROR(client.DeleteSnapshot(snapshot.snapshot_id()));
      continue;
    }
    csi::v1::VolumeGroupSnapshot& group = groups[snapshot.group_snapshot_id()];
    group.set_group_snapshot_id(snapshot.group_snapshot_id());
    *group.add_snapshots() = snapshot;
  }
  for (const auto& [id, group] : groups) RETURN_IF_ERROR(client.DeleteGroup(group));
  return absl::OkStatus();
}

// A replica may not know yet all that there is: the disks do.
absl::Status DeleteEverything(const Cluster& cluster) {
  return Await([&cluster]() -> absl::Status {
    for (size_t replica = 0; replica < Cluster::kReplicas; ++replica) {
      VolumeClient client = cluster.ClientOf(replica);
      RETURN_IF_ERROR(DeleteListedVolumes(client));
      RETURN_IF_ERROR(DeleteListedSnapshots(client));
    }
    ASSIGN_OR_RETURN(const Holdings left, OnDisks(cluster));
    return CheckSame("the disks", {}, left);
  });
}

}  // namespace

std::unique_ptr<Cluster> ClusterTest::cluster_;
Leftovers ClusterTest::before_;

void ClusterTest::SetUpTestSuite() {
  before_ = Leftovers::Now();
  ASSERT_OK_AND_ASSIGN(cluster_, Cluster::Create());
}

void ClusterTest::TearDownTestSuite() {
  if (cluster_ == nullptr) return;
  EXPECT_OK(cluster_->Stop());
  cluster_.reset();
  // The kernel takes namespaces down a moment after the last descriptor is closed.
  EXPECT_OK(Await([]() -> absl::Status {
    const Leftovers now = Leftovers::Now();
    if (now == before_) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(
        "left behind: ", now.loops - before_.loops, " loop devices, ", now.mounts - before_.mounts,
        " mounts, ", now.descriptors - before_.descriptors, " descriptors"));
  }));
}

void ClusterTest::SetUp() { ASSERT_NE(cluster_, nullptr) << "there is no cluster to test"; }

void ClusterTest::TearDown() {
  if (cluster_ == nullptr) return;
  EXPECT_OK(cluster_->MakeWhole());
  EXPECT_OK(DeleteEverything(*cluster_));
  // The next test may use the same names: both replicas know that they are free.
  ExpectHeld({});
  for (size_t i = 0; i < Cluster::kNodes; ++i) EXPECT_OK(cluster_->node(i).CheckEmpty());
  if (HasFailure()) std::printf("%s\n", cluster_->LogTails().c_str());
}

absl::StatusOr<csi::v1::Volume> ClusterTest::Create(size_t replica,
                                                    const csi::v1::CreateVolumeRequest& request) {
  return Insist([&]() -> absl::StatusOr<csi::v1::Volume> {
    ASSIGN_OR_RETURN(const csi::v1::CreateVolumeResponse response,
                     cluster().ClientOf(replica).csi().Call(&Controller::CreateVolume, request));
    return response.volume();
  });
}

absl::Status ClusterTest::Delete(size_t replica, const std::string& volume_id) {
  return Insist([&] { return cluster().ClientOf(replica).Delete(volume_id); });
}

csi::v1::CreateVolumeRequest ClusterTest::RequestOnlyAt(const std::string& name, int64_t bytes,
                                                        size_t node) {
  csi::v1::CreateVolumeRequest request = RequestAnywhere(name, bytes);
  *request.mutable_accessibility_requirements()->add_requisite() = cluster().segment(node);
  *request.mutable_accessibility_requirements()->add_preferred() = cluster().segment(node);
  return request;
}

csi::v1::CreateVolumeRequest ClusterTest::RequestAnywhere(const std::string& name, int64_t bytes) {
  csi::v1::CreateVolumeRequest request = cluster().RequestAt(name, bytes, 0);
  request.clear_accessibility_requirements();
  return request;
}

void ClusterTest::ExpectHeld(const Holdings& expected) {
  for (size_t replica = 0; replica < Cluster::kReplicas; ++replica) {
    EXPECT_OK(Await([&]() -> absl::Status {
      ASSIGN_OR_RETURN(const Holdings found, ListedBy(cluster(), replica));
      return CheckSame(absl::StrCat("listed by ", cluster().replica(replica).name()), expected,
                       found);
    }));
  }
  EXPECT_OK(Await([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Holdings found, OnDisks(cluster()));
    return CheckSame("on the disks", expected, found);
  }));
}

void ClusterTest::ExpectAsAcknowledged(Load& load) {
  load.Stop();
  EXPECT_THAT(load.Complaints(), IsEmpty()) << absl::StrJoin(load.Complaints(), "\n");
  ASSERT_OK(cluster().MakeWhole());
  ASSERT_OK(load.Settle());
  ExpectHeld(load.Expected());
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/status_macros.h"
#include "test/conformance/observe.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

std::string NewTestDirectory(const ConformanceOptions& options) {
  static int number = 0;
  return absl::StrCat(options.work_directory, "/", ::getpid(), "-", ++number);
}

}  // namespace

Driver* examined_driver = nullptr;

ConformanceTest::ConformanceTest()
    : directory_(NewTestDirectory(options())), traces_(*examined_driver) {}

void ConformanceTest::SetUp() {
  ASSERT_OK(driver().AwaitServing());
  ASSERT_EQ(::mkdir(directory_.c_str(), 0750), 0) << directory_ << ": " << std::strerror(errno);
  before_ = Listed();
}

void ConformanceTest::TearDown() {
  const std::vector<std::string> refused = traces_.Undo();
  EXPECT_TRUE(refused.empty()) << "the driver does not take down what it made:\n"
                               << absl::StrJoin(refused, "\n");
  EXPECT_EQ(Listed(), before_) << "what is listed is not what was listed before the test";
  const std::vector<std::string> mounts = MountsBeneath(directory_);
  EXPECT_TRUE(mounts.empty()) << "mounts are left:\n" << absl::StrJoin(mounts, "\n");
  for (const std::string& path : mounts) UnmountForeign(path);
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
  EXPECT_FALSE(error) << directory_ << ": " << error.message();
}

std::set<std::string> ConformanceTest::Listed() {
  std::set<std::string> ids;
  if (driver().Announces(ControllerRpc::LIST_VOLUMES)) {
    const auto volumes = driver().Call(&Controller::ListVolumes, csi::v1::ListVolumesRequest());
    EXPECT_OK(volumes);
    if (volumes.ok()) {
      for (const auto& entry : volumes->entries()) ids.insert(entry.volume().volume_id());
    }
  }
  if (driver().Announces(ControllerRpc::LIST_SNAPSHOTS)) {
    const auto snapshots =
        driver().Call(&Controller::ListSnapshots, csi::v1::ListSnapshotsRequest());
    EXPECT_OK(snapshots);
    if (snapshots.ok()) {
      for (const auto& entry : snapshots->entries()) ids.insert(entry.snapshot().snapshot_id());
    }
  }
  return ids;
}

std::string ConformanceTest::UniqueName(const std::string& label) const {
  // The directory's name is unique on this node while the program runs.
  return absl::StrCat("conformance-", std::filesystem::path(directory_).filename().string(), "-",
                      label);
}

csi::v1::CreateVolumeRequest ConformanceTest::VolumeRequest(const std::string& label) const {
  csi::v1::CreateVolumeRequest request;
  request.set_name(UniqueName(label));
  request.mutable_capacity_range()->set_required_bytes(Bytes());
  *request.add_volume_capabilities() = options().capability;
  request.mutable_parameters()->insert(options().parameters.begin(), options().parameters.end());
  return request;
}

absl::StatusOr<csi::v1::Volume> ConformanceTest::Create(
    const csi::v1::CreateVolumeRequest& request) {
  ASSIGN_OR_RETURN(const auto response, driver().Call(&Controller::CreateVolume, request));
  traces_.AddVolume(response.volume().volume_id());
  return response.volume();
}

absl::StatusOr<csi::v1::Volume> ConformanceTest::CreateVolume(const std::string& label) {
  return Create(VolumeRequest(label));
}

absl::Status ConformanceTest::DeleteVolume(const std::string& volume_id) {
  csi::v1::DeleteVolumeRequest request;
  request.set_volume_id(volume_id);
  return driver().Call(&Controller::DeleteVolume, request).status();
}

csi::v1::CreateSnapshotRequest ConformanceTest::SnapshotRequest(const std::string& volume_id,
                                                                const std::string& label) const {
  csi::v1::CreateSnapshotRequest request;
  request.set_name(UniqueName(label));
  request.set_source_volume_id(volume_id);
  return request;
}

absl::StatusOr<csi::v1::Snapshot> ConformanceTest::Create(
    const csi::v1::CreateSnapshotRequest& request) {
  absl::StatusOr<csi::v1::Snapshot> snapshot;
  // Asked again, a driver says how far it is (spec, "The ready_to_use Parameter").
  const absl::Status ready = Eventually([&] {
    const auto response = driver().Call(&Controller::CreateSnapshot, request);
    if (response.ok()) {
      snapshot = response->snapshot();
      return snapshot->ready_to_use() ? absl::OkStatus() : absl::InternalError("it is not ready");
    }
    snapshot = response.status();
    return absl::OkStatus();  // asked again it would say the same
  });
  if (snapshot.ok()) traces_.AddSnapshot(snapshot->snapshot_id());
  RETURN_IF_ERROR(ready);
  return snapshot;
}

absl::StatusOr<csi::v1::Snapshot> ConformanceTest::CreateSnapshot(const std::string& volume_id,
                                                                  const std::string& label) {
  return Create(SnapshotRequest(volume_id, label));
}

absl::Status ConformanceTest::DeleteSnapshot(const std::string& snapshot_id) {
  csi::v1::DeleteSnapshotRequest request;
  request.set_snapshot_id(snapshot_id);
  return driver().Call(&Controller::DeleteSnapshot, request).status();
}

NodeVolume ConformanceTest::OnNode(const csi::v1::Volume& volume, const std::string& label) {
  return OnNode(volume, label, options().capability);
}

NodeVolume ConformanceTest::OnNode(const csi::v1::Volume& volume, const std::string& label,
                                   const csi::v1::VolumeCapability& capability) {
  return {driver(), traces_, volume, capability, directory_, label};
}

absl::StatusOr<NodeVolume> ConformanceTest::CreateAndStart(const std::string& label) {
  ASSIGN_OR_RETURN(const csi::v1::Volume volume, CreateVolume(label));
  NodeVolume started = OnNode(volume, label);
  RETURN_IF_ERROR(started.Start());
  return started;
}

}  // namespace nodevol::testing

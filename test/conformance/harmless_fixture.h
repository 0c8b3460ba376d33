// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_HARMLESS_FIXTURE_H_
#define NODEVOL_TEST_CONFORMANCE_HARMLESS_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "google/protobuf/message.h"

#include "base/status_macros.h"
#include "test/conformance/fixture.h"
#include "test/service/harmless_requests.h"
#include "test/support/request_fields.h"

namespace nodevol::testing {

// A test of all calls at once, by descriptor: there is a well-formed request for each of them,
// about a volume in use, a snapshot of it and a group of it.
class HarmlessFixture : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_NO_FATAL_FAILURE(MakeSubject());
  }

  // The request to which the field belongs.
  [[nodiscard]] std::unique_ptr<google::protobuf::Message> HarmlessFor(
      const RequestField& field) const {
    return harmless_.For(field.request());
  }
  // Sends it; what it made is deleted again.
  absl::Status Send(const google::protobuf::Message& request) {
    const absl::StatusOr<std::string> answer = driver().Send(request);
    if (answer.ok()) Undo(request, *answer);
    return answer.status();
  }
  [[nodiscard]] const NodeVolume& volume() const { return *volume_; }

 private:
  void MakeSubject() {
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume created, CreateVolume());
    std::string snapshot_id = "no-snapshot";
    if (driver().Announces(ControllerRpc::CREATE_DELETE_SNAPSHOT)) {
      // Before it is used: not every driver cuts volumes in use.
      ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(created.volume_id()));
      snapshot_id = snapshot.snapshot_id();
    }
    csi::v1::VolumeGroupSnapshot group;
    group.set_group_snapshot_id("no-group");
    if (driver().Announces(GroupRpc::CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT)) {
      ASSERT_OK_AND_ASSIGN(group, CreateGroup(created.volume_id()));
    }
    volume_.emplace(OnNode(created));
    ASSERT_OK(volume_->Start());
    harmless_.SetUp(HarmlessSubject{.capability = options().capability,
                                    .parameters = options().parameters,
                                    .bytes = Bytes(),
                                    .node_id = driver().node().node_id(),
                                    .volume_id = created.volume_id(),
                                    .snapshot_id = snapshot_id,
                                    .group = group,
                                    .staging = volume_->staging(),
                                    .target = volume_->Target(),
                                    .nowhere = directory() + "/nowhere"});
  }
  absl::StatusOr<csi::v1::VolumeGroupSnapshot> CreateGroup(const std::string& volume_id) {
    csi::v1::CreateVolumeGroupSnapshotRequest request;
    request.set_name(UniqueName("group"));
    request.add_source_volume_ids(volume_id);
    ASSIGN_OR_RETURN(const auto response,
                     driver().Call(&GroupController::CreateVolumeGroupSnapshot, request));
    traces().AddGroup(response.group_snapshot());
    return response.group_snapshot();
  }
  static absl::Status DeleteGroup(const csi::v1::VolumeGroupSnapshot& group) {
    csi::v1::DeleteVolumeGroupSnapshotRequest request;
    request.set_group_snapshot_id(group.group_snapshot_id());
    for (const auto& member : group.snapshots()) request.add_snapshot_ids(member.snapshot_id());
    return driver().Call(&GroupController::DeleteVolumeGroupSnapshot, request).status();
  }
  void Undo(const google::protobuf::Message& request, const std::string& answer) {
    if (request.GetDescriptor() == csi::v1::CreateVolumeRequest::descriptor()) {
      csi::v1::CreateVolumeResponse created;
      ASSERT_TRUE(created.ParseFromString(answer));
      EXPECT_OK(DeleteVolume(created.volume().volume_id()));
    } else if (request.GetDescriptor() == csi::v1::CreateSnapshotRequest::descriptor()) {
      csi::v1::CreateSnapshotResponse created;
      ASSERT_TRUE(created.ParseFromString(answer));
      EXPECT_OK(DeleteSnapshot(created.snapshot().snapshot_id()));
    } else if (request.GetDescriptor() == csi::v1::CreateVolumeGroupSnapshotRequest::descriptor()) {
      csi::v1::CreateVolumeGroupSnapshotResponse created;
      ASSERT_TRUE(created.ParseFromString(answer));
      EXPECT_OK(DeleteGroup(created.group_snapshot()));
    }
  }

  HarmlessRequests harmless_;
  std::optional<NodeVolume> volume_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_HARMLESS_FIXTURE_H_

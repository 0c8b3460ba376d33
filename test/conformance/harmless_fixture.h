// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_HARMLESS_FIXTURE_H_
#define NODEVOL_TEST_CONFORMANCE_HARMLESS_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "google/protobuf/message.h"

#include "test/conformance/fixture.h"
#include "test/service/harmless_requests.h"
#include "test/support/request_fields.h"

namespace nodevol::testing {

// A test of all calls at once, by descriptor: there is a well-formed request for each of them,
// about a volume in use and a snapshot of it.
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
    volume_.emplace(OnNode(created));
    ASSERT_OK(volume_->Start());
    harmless_.SetUp(HarmlessSubject{.capability = options().capability,
                                    .parameters = options().parameters,
                                    .bytes = Bytes(),
                                    .node_id = driver().node().node_id(),
                                    .volume_id = created.volume_id(),
                                    .snapshot_id = snapshot_id,
                                    .staging = volume_->staging(),
                                    .target = volume_->Target(),
                                    .nowhere = directory() + "/nowhere"});
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
    }
  }

  HarmlessRequests harmless_;
  std::optional<NodeVolume> volume_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_HARMLESS_FIXTURE_H_

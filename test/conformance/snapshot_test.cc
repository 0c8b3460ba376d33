// SPDX-License-Identifier: Apache-2.0
//
// Group 13, CreateSnapshot and DeleteSnapshot. What needs a full disk is in test/weakness and
// storage/live_snapshot_test.cc; what is left when the plugin is killed, test/crash/kill_test.cc.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"

#include "base/bytes.h"
#include "test/conformance/fixture.h"
#include "test/conformance/sequence_writer.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using google::protobuf::util::TimeUtil;
using ::testing::Ge;
using ::testing::Le;

constexpr char kBefore[] = "before the snapshot";
constexpr char kAfter[] = "after the snapshot!";
constexpr int kSlots = 48;

class SnapshotConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
  }
  absl::StatusOr<NodeVolume> RestoreAndStart(const std::string& snapshot_id,
                                             const std::string& label = "restored") {
    csi::v1::CreateVolumeRequest request = VolumeRequest(label);
    request.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(snapshot_id);
    absl::StatusOr<csi::v1::Volume> restored = Create(request);
    if (!restored.ok()) return restored.status();
    NodeVolume on_node = OnNode(*restored, label);
    const absl::Status started = on_node.Start();
    if (!started.ok()) return started;
    return on_node;
  }
  // Files, or places all over the device.
  [[nodiscard]] static std::vector<SequenceSlot> SlotsIn(const NodeVolume& volume) {
    std::vector<SequenceSlot> slots;
    for (int i = 0; i < kSlots; ++i) {
      slots.push_back({volume.In().File(absl::StrCat("slot-", i)),
                       driver().IsBlock() ? i * (Bytes() / kSlots / kMiB * kMiB + 4096) : 0});
    }
    return slots;
  }
};

// "This operation MUST be idempotent".
TEST_F(SnapshotConformance, SameRequestIsTheSameSnapshot) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot first, CreateSnapshot(volume.volume_id()));
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot again, CreateSnapshot(volume.volume_id()));
    ASSERT_TRUE(MessageDifferencer::Equals(again, first))
        << again.ShortDebugString() << "\nand " << first.ShortDebugString();
  }
}

// "CreateSnapshot Errors", Snapshot already exists but is incompatible.
TEST_F(SnapshotConformance, NameOfAnotherVolumesSnapshotIsAlreadyExists) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume one, CreateVolume("one"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume two, CreateVolume("two"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(one.volume_id()));
  EXPECT_THAT(CreateSnapshot(two.volume_id()), StatusIs(StatusCode::kAlreadyExists));
  ASSERT_OK(DeleteSnapshot(snapshot.snapshot_id()));
  EXPECT_OK(CreateSnapshot(two.volume_id())) << "the name is free";
}

// Snapshot: ids, source and creation_time are REQUIRED; size_bytes is never negative.
TEST_F(SnapshotConformance, SnapshotSaysOfWhatItIsAndWhenItWasCut) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  const absl::Time before = absl::Now();
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(volume.volume_id()));
  const absl::Time after = absl::Now();
  EXPECT_FALSE(snapshot.snapshot_id().empty());
  EXPECT_EQ(snapshot.source_volume_id(), volume.volume_id());
  EXPECT_TRUE(snapshot.ready_to_use());
  EXPECT_THAT(snapshot.size_bytes(), Ge(0));
  ASSERT_TRUE(snapshot.has_creation_time());
  const absl::Time cut =
      absl::FromUnixNanos(TimeUtil::TimestampToNanoseconds(snapshot.creation_time()));
  // Some have whole seconds.
  EXPECT_GE(cut, before - absl::Seconds(1));
  EXPECT_LE(cut, after + absl::Seconds(1));
}

// Snapshot.size_bytes: "The size of the volume MUST NOT be less than the size of the source".
TEST_F(SnapshotConformance, VolumeOfTheSnapshotsSizeCanBeMade) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(volume.volume_id()));
  if (snapshot.size_bytes() == 0) GTEST_SKIP() << "the size is not said";
  csi::v1::CreateVolumeRequest request = VolumeRequest("restored");
  request.mutable_capacity_range()->set_required_bytes(snapshot.size_bytes());
  request.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(
      snapshot.snapshot_id());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored, Create(request));
  EXPECT_THAT(restored.capacity_bytes(), Ge(snapshot.size_bytes()));
}

// A snapshot is what the volume was, whatever is written later to it or to a copy.
TEST_F(SnapshotConformance, WhatIsWrittenLaterIsNotInIt) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kBefore));
  ASSERT_OK(volume.Stop());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(volume.id()));
  ASSERT_OK(volume.Start());
  ASSERT_OK(volume.In().Write("content", kAfter));
  ASSERT_OK_AND_ASSIGN(const NodeVolume restored, RestoreAndStart(snapshot.snapshot_id()));
  EXPECT_THAT(restored.In().Read("content", sizeof(kBefore) - 1), IsOkAndHolds(kBefore));
  ASSERT_OK(restored.In().Write("content", kAfter));
  ASSERT_OK_AND_ASSIGN(const NodeVolume second, RestoreAndStart(snapshot.snapshot_id(), "second"));
  EXPECT_THAT(second.In().Read("content", sizeof(kBefore) - 1), IsOkAndHolds(kBefore));
}

// Snapshot.creation_time: a snapshot is a point in time, and "CreateSnapshot ... MUST block until
// the snapshot is cut": all that was durable before the call is in it, of what came after the
// answer nothing. A driver that refuses snapshots of volumes in use keeps the promise too.
TEST_F(SnapshotConformance, SnapshotOfAVolumeThatIsWrittenToIsOneMoment) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  // So that a copy takes its time.
  ASSERT_OK(volume.In().Write("ballast", std::string(static_cast<size_t>(Bytes() / 8), 'x')));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SequenceWriter> writer,
                       SequenceWriter::Start(SlotsIn(volume)));
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    ASSERT_OK(writer->Await(writer->durable() + kSlots));
    const int64_t before = writer->durable();
    const absl::StatusOr<csi::v1::Snapshot> snapshot =
        CreateSnapshot(volume.id(), absl::StrCat("snapshot-", round));
    const int64_t after = writer->durable();
    if (absl::IsFailedPrecondition(snapshot.status())) {
      GTEST_SKIP() << "no snapshots of volumes in use: " << snapshot.status().message();
    }
    ASSERT_OK(snapshot);
    ASSERT_OK(writer->Await(writer->durable() + kSlots));
    ASSERT_OK_AND_ASSIGN(
        const NodeVolume restored,
        RestoreAndStart(snapshot->snapshot_id(), absl::StrCat("restored-", round)));
    ASSERT_OK_AND_ASSIGN(const int64_t last, LastNumberIn(SlotsIn(restored)));
    EXPECT_THAT(last, Ge(before));
    EXPECT_THAT(last, Le(after + 1));
  }
  EXPECT_OK(writer->Stop());
}

// "DeleteSnapshot": OK when it does not exist any more.
TEST_F(SnapshotConformance, DeletedAgainIsOkAndIsNoSourceAnyMore) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(volume.volume_id()));
  EXPECT_OK(DeleteSnapshot(snapshot.snapshot_id()));
  EXPECT_OK(DeleteSnapshot(snapshot.snapshot_id()));
  EXPECT_THAT(RestoreAndStart(snapshot.snapshot_id()), StatusIs(StatusCode::kNotFound));
}

// "DeleteSnapshot Errors", Snapshot in use; or the volume does not need it any more.
TEST_F(SnapshotConformance, SnapshotOfWhichThereIsAVolumeIsDeletedOrRefused) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.In().Write("content", kBefore));
  ASSERT_OK(volume.Stop());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, CreateSnapshot(volume.id()));
  ASSERT_OK_AND_ASSIGN(const NodeVolume restored, RestoreAndStart(snapshot.snapshot_id()));
  EXPECT_THAT(DeleteSnapshot(snapshot.snapshot_id()),
              StatusIsEither(StatusCode::kOk, StatusCode::kFailedPrecondition));
  EXPECT_THAT(restored.In().Read("content", sizeof(kBefore) - 1), IsOkAndHolds(kBefore));
}

// CreateSnapshotRequest.parameters: the plugin validates them.
TEST_F(SnapshotConformance, UnknownParameterIsInvalid) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  csi::v1::CreateSnapshotRequest request = SnapshotRequest(volume.volume_id());
  (*request.mutable_parameters())["conformance.example/no-such-parameter"] = "value";
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

// CreateSnapshotRequest.accessibility_requirements "SHALL NOT be specified unless" it is announced;
// where it is, a snapshot that can't be usable from there is RESOURCE_EXHAUSTED.
TEST_F(SnapshotConformance, TopologyThatCannotBeServedIsRefused) {
  REQUIRE_ANNOUNCED(PluginService::VOLUME_ACCESSIBILITY_CONSTRAINTS);
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  csi::v1::CreateSnapshotRequest request = SnapshotRequest(volume.volume_id());
  csi::v1::Topology& elsewhere = *request.mutable_accessibility_requirements()->add_requisite();
  elsewhere = driver().node().accessible_topology();
  for (auto& [key, value] : *elsewhere.mutable_segments()) value = "elsewhere";
  const bool announced = driver().Announces(PluginService::SNAPSHOT_ACCESSIBILITY_CONSTRAINTS);
  EXPECT_THAT(Create(request),
              StatusIs(announced ? StatusCode::kResourceExhausted : StatusCode::kInvalidArgument));
  if (!announced) return;
  elsewhere = driver().node().accessible_topology();
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, Create(request));
  EXPECT_GT(snapshot.accessible_topology_size(), 0);
}

}  // namespace
}  // namespace nodevol::testing

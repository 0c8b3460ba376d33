// SPDX-License-Identifier: Apache-2.0
//
// Group 17, CreateVolumeGroupSnapshot, DeleteVolumeGroupSnapshot, GetVolumeGroupSnapshot.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"

#include "base/bytes.h"
#include "test/conformance/fixture.h"
#include "test/conformance/sequence_writer.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using csi::v1::VolumeGroupSnapshot;
using google::protobuf::util::MessageDifferencer;
using ::testing::Ge;
using ::testing::Le;

constexpr int kMembers = 3;
constexpr int kSlots = 48;
constexpr char kContent[] = "what a member holds";

class GroupSnapshotConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(PluginService::GROUP_CONTROLLER_SERVICE);
    REQUIRE_ANNOUNCED(GroupRpc::CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT);
  }
  void MakeVolumes() {
    for (int i = 0; i < kMembers; ++i) {
      ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume(absl::StrCat("volume-", i)));
      volumes_.push_back(volume.volume_id());
    }
  }

  [[nodiscard]] csi::v1::CreateVolumeGroupSnapshotRequest Request(
      const std::vector<std::string>& volumes, const std::string& label = "group") const {
    csi::v1::CreateVolumeGroupSnapshotRequest request;
    request.set_name(UniqueName(label));
    request.mutable_source_volume_ids()->Assign(volumes.begin(), volumes.end());
    return request;
  }
  // Answers when the group is ready to use.
  absl::StatusOr<VolumeGroupSnapshot> Cut(
      const csi::v1::CreateVolumeGroupSnapshotRequest& request) {
    absl::StatusOr<VolumeGroupSnapshot> group;
    const absl::Status ready = Eventually([&] {
      const auto response = driver().Call(&GroupController::CreateVolumeGroupSnapshot, request);
      if (response.ok()) {
        group = response->group_snapshot();
        return group->ready_to_use() ? absl::OkStatus() : absl::InternalError("it is not ready");
      }
      group = response.status();
      // Others say the same when they are asked again.
      return absl::IsUnavailable(group.status()) ? group.status() : absl::OkStatus();
    });
    if (group.ok()) traces().AddGroup(*group);
    if (!ready.ok()) return ready;
    return group;
  }
  static std::vector<std::string> MembersOf(const VolumeGroupSnapshot& group) {
    std::vector<std::string> ids;
    for (const csi::v1::Snapshot& member : group.snapshots()) ids.push_back(member.snapshot_id());
    return ids;
  }
  static absl::StatusOr<VolumeGroupSnapshot> Get(const std::string& id,
                                                 const std::vector<std::string>& members) {
    csi::v1::GetVolumeGroupSnapshotRequest request;
    request.set_group_snapshot_id(id);
    request.mutable_snapshot_ids()->Assign(members.begin(), members.end());
    const auto response = driver().Call(&GroupController::GetVolumeGroupSnapshot, request);
    if (!response.ok()) return response.status();
    return response->group_snapshot();
  }
  static absl::Status Delete(const std::string& id, const std::vector<std::string>& members) {
    csi::v1::DeleteVolumeGroupSnapshotRequest request;
    request.set_group_snapshot_id(id);
    request.mutable_snapshot_ids()->Assign(members.begin(), members.end());
    return driver().Call(&GroupController::DeleteVolumeGroupSnapshot, request).status();
  }
  // Restores the member of this volume and gives it to a workload.
  absl::StatusOr<NodeVolume> Restore(const VolumeGroupSnapshot& group, const std::string& volume_id,
                                     const std::string& label) {
    for (const csi::v1::Snapshot& member : group.snapshots()) {
      if (member.source_volume_id() != volume_id) continue;
      csi::v1::CreateVolumeRequest request = VolumeRequest(label);
      request.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(
          member.snapshot_id());
      const absl::StatusOr<csi::v1::Volume> restored = Create(request);
      if (!restored.ok()) return restored.status();
      NodeVolume on_node = OnNode(*restored, label);
      const absl::Status started = on_node.Start();
      if (!started.ok()) return started;
      return on_node;
    }
    return absl::NotFoundError("the group has no snapshot of the volume");
  }

  std::vector<std::string> volumes_;
};

// VolumeGroupSnapshot, and Snapshot.group_snapshot_id inside it.
TEST_F(GroupSnapshotConformance, GroupHasASnapshotOfEachVolume) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Cut(Request(volumes_)));
  EXPECT_FALSE(group.group_snapshot_id().empty());
  EXPECT_TRUE(group.has_creation_time());
  std::set<std::string> sources;
  bool all_ready = true;
  for (const csi::v1::Snapshot& member : group.snapshots()) {
    EXPECT_FALSE(member.snapshot_id().empty());
    EXPECT_EQ(member.group_snapshot_id(), group.group_snapshot_id());
    EXPECT_TRUE(member.has_creation_time());
    sources.insert(member.source_volume_id());
    all_ready &= member.ready_to_use();
  }
  EXPECT_EQ(sources, std::set<std::string>(volumes_.begin(), volumes_.end()));
  EXPECT_EQ(group.snapshots_size(), kMembers);
  EXPECT_EQ(group.ready_to_use(), all_ready);
}

// "the group snapshot MUST only be created once".
TEST_F(GroupSnapshotConformance, SameRequestIsTheSameGroupInWhateverOrder) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot first, Cut(Request(volumes_)));
  std::vector<std::string> order = volumes_;
  for (int i = 0; i < 5; ++i) {
    std::rotate(order.begin(), order.begin() + 1, order.end());
    ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot again, Cut(Request(order)));
    EXPECT_EQ(again.group_snapshot_id(), first.group_snapshot_id());
    EXPECT_THAT(MembersOf(again), ::testing::UnorderedElementsAreArray(MembersOf(first)));
  }
}

// "CreateVolumeGroupSnapshot Errors", Group snapshot already exists but is incompatible.
TEST_F(GroupSnapshotConformance, NameOfAnotherSetIsAlreadyExists) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK(Cut(Request(volumes_)));
  EXPECT_THAT(Cut(Request({volumes_[0], volumes_[1]})), StatusIs(StatusCode::kAlreadyExists));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume more, CreateVolume("one-more"));
  std::vector<std::string> larger = volumes_;
  larger.push_back(more.volume_id());
  EXPECT_THAT(Cut(Request(larger)), StatusIs(StatusCode::kAlreadyExists));
  csi::v1::CreateVolumeGroupSnapshotRequest request = Request(volumes_);
  (*request.mutable_parameters())["conformance.example/other"] = "value";
  EXPECT_THAT(Cut(request),
              StatusIsEither(StatusCode::kAlreadyExists, StatusCode::kInvalidArgument));
}

// source_volume_ids is a set: twice the same is a mistake, or once that.
TEST_F(GroupSnapshotConformance, VolumeThatIsNamedTwiceIsNotCutTwice) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  const absl::StatusOr<VolumeGroupSnapshot> group = Cut(Request({volumes_[0], volumes_[0]}));
  if (group.ok()) {
    EXPECT_EQ(group->snapshots_size(), 1);
  } else {
    EXPECT_THAT(group, StatusIs(StatusCode::kInvalidArgument));
  }
}

// "If an error occurs before a group snapshot is cut": all or nothing. TearDown looks at the lists.
TEST_F(GroupSnapshotConformance, UnknownMemberLeavesNothingOfTheOthers) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  std::vector<std::string> members = volumes_;
  members.emplace_back("no-such-volume");
  EXPECT_THAT(Cut(Request(members)), StatusIs(StatusCode::kNotFound));
  if (driver().Announces(ControllerRpc::LIST_SNAPSHOTS)) {
    for (const std::string& volume : volumes_) {
      csi::v1::ListSnapshotsRequest request;
      request.set_source_volume_id(volume);
      ASSERT_OK_AND_ASSIGN(const auto listed, driver().Call(&Controller::ListSnapshots, request));
      EXPECT_EQ(listed.entries_size(), 0) << listed.ShortDebugString();
    }
  }
  EXPECT_OK(Cut(Request(volumes_))) << "the name is free";
}

// "GetVolumeGroupSnapshot".
TEST_F(GroupSnapshotConformance, GroupIsAsItWasMade) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Cut(Request(volumes_)));
  std::vector<std::string> members = MembersOf(group);
  std::reverse(members.begin(), members.end());
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot got, Get(group.group_snapshot_id(), members));
  MessageDifferencer differencer;
  differencer.set_repeated_field_comparison(MessageDifferencer::AS_SET);
  EXPECT_TRUE(differencer.Compare(got, group))
      << got.ShortDebugString() << "\nand " << group.ShortDebugString();
  EXPECT_THAT(Get("no-such-group", members), StatusIs(StatusCode::kNotFound));
}

// "Snapshot list mismatch", of Get and of Delete; a refused Delete deletes nothing.
TEST_F(GroupSnapshotConformance, OtherSnapshotIdsAreInvalid) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Cut(Request(volumes_)));
  const std::string& id = group.group_snapshot_id();
  const std::vector<std::string> members = MembersOf(group);
  std::vector<std::string> more = members;
  more.emplace_back("no-such-snapshot");
  for (const std::vector<std::string>& other : {more, {members[0]}}) {
    EXPECT_THAT(Get(id, other), StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(Delete(id, other), StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_OK(Get(id, members)) << "it was deleted nevertheless";
}

// "DeleteSnapshot Errors", Snapshot is part of a group; Snapshot.group_snapshot_id.
TEST_F(GroupSnapshotConformance, MemberIsNotDeletedAlone) {
  REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Cut(Request(volumes_)));
  const std::vector<std::string> members = MembersOf(group);
  EXPECT_THAT(DeleteSnapshot(members[0]), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(Get(group.group_snapshot_id(), members));
}

// "GetSnapshot": "in order to retrieve information for individual snapshots that are part of a
// group snapshot"; "ListSnapshots ... all snapshots ... regardless of how they were created".
TEST_F(GroupSnapshotConformance, MembersAreSnapshotsWithTheirGroup) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Cut(Request(volumes_)));
  for (const csi::v1::Snapshot& member : group.snapshots()) {
    if (driver().Announces(ControllerRpc::GET_SNAPSHOT)) {
      csi::v1::GetSnapshotRequest request;
      request.set_snapshot_id(member.snapshot_id());
      ASSERT_OK_AND_ASSIGN(const auto got, driver().Call(&Controller::GetSnapshot, request));
      EXPECT_EQ(got.snapshot().group_snapshot_id(), group.group_snapshot_id());
    }
    if (driver().Announces(ControllerRpc::LIST_SNAPSHOTS)) {
      csi::v1::ListSnapshotsRequest request;
      request.set_snapshot_id(member.snapshot_id());
      ASSERT_OK_AND_ASSIGN(const auto listed, driver().Call(&Controller::ListSnapshots, request));
      ASSERT_EQ(listed.entries_size(), 1);
      EXPECT_EQ(listed.entries(0).snapshot().group_snapshot_id(), group.group_snapshot_id());
    }
  }
}

// "DeleteVolumeGroupSnapshot": "as well as all individual snapshots that are part of" it.
TEST_F(GroupSnapshotConformance, DeletedGroupIsGoneWithItsMembers) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Cut(Request(volumes_)));
  const std::vector<std::string> members = MembersOf(group);
  EXPECT_OK(Delete(group.group_snapshot_id(), members));
  EXPECT_OK(Delete(group.group_snapshot_id(), members)) << "again";
  EXPECT_THAT(Get(group.group_snapshot_id(), members), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Restore(group, volumes_[0], "restored"), StatusIs(StatusCode::kNotFound));
}

// "any individual snapshot from the group MAY be used as a source", also when its volume is gone.
TEST_F(GroupSnapshotConformance, MembersAreSourcesAndOutliveTheirVolumes) {
  ASSERT_OK_AND_ASSIGN(NodeVolume written, CreateAndStart("written"));
  ASSERT_OK(written.In().Write("content", kContent));
  ASSERT_OK(written.Stop());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume other, CreateVolume("other"));
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group,
                       Cut(Request({written.id(), other.volume_id()})));
  ASSERT_OK(DeleteVolume(written.id()));
  ASSERT_OK_AND_ASSIGN(const NodeVolume restored, Restore(group, written.id(), "restored"));
  EXPECT_THAT(restored.In().Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

// "This group snapshot MUST give a write-order consistency guarantee or fail": numbers that went to
// the volumes in turn are in the snapshots as they were at one moment.
TEST_F(GroupSnapshotConformance, MembersAreOfOneMoment) {
  std::vector<NodeVolume> started;
  for (int i = 0; i < kMembers; ++i) {
    ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart(absl::StrCat("volume-", i)));
    ASSERT_OK(volume.In().Write("ballast", std::string(static_cast<size_t>(Bytes() / 8), 'x')));
    started.push_back(std::move(volume));
    volumes_.push_back(started.back().id());
  }
  const auto slots_in = [](const std::vector<NodeVolume>& volumes) {
    std::vector<SequenceSlot> slots;
    for (int i = 0; i < kSlots; ++i) {
      const NodeVolume& volume = volumes[static_cast<size_t>(i) % volumes.size()];
      slots.push_back({volume.In().File(absl::StrCat("slot-", i)),
                       driver().IsBlock() ? i * (Bytes() / kSlots / kMiB * kMiB + 4096) : 0});
    }
    return slots;
  };
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SequenceWriter> writer,
                       SequenceWriter::Start(slots_in(started)));
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    ASSERT_OK(writer->Await(writer->durable() + kSlots));
    const int64_t before = writer->durable();
    const absl::StatusOr<VolumeGroupSnapshot> group =
        Cut(Request(volumes_, absl::StrCat("group-", round)));
    const int64_t after = writer->durable();
    if (absl::IsFailedPrecondition(group.status())) {
      GTEST_SKIP() << "no group snapshots of volumes in use: " << group.status().message();
    }
    ASSERT_OK(group);
    std::vector<NodeVolume> restored;
    for (size_t i = 0; i < volumes_.size(); ++i) {
      ASSERT_OK_AND_ASSIGN(NodeVolume volume,
                           Restore(*group, volumes_[i], absl::StrCat("restored-", round, "-", i)));
      restored.push_back(std::move(volume));
    }
    ASSERT_OK_AND_ASSIGN(const int64_t last, LastNumberIn(slots_in(restored)));
    EXPECT_THAT(last, Ge(before));
    EXPECT_THAT(last, Le(after + 1));
  }
  EXPECT_OK(writer->Stop());
}

}  // namespace
}  // namespace nodevol::testing

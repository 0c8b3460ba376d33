// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "controller/controller_fixture.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SnapshotCallsTest : public ControllerFixture {
 protected:
  absl::StatusOr<csi::v1::Snapshot> Create(const std::string& name, const std::string& source) {
    csi::v1::CreateSnapshotRequest request;
    request.set_name(name);
    request.set_source_volume_id(source);
    auto response = Call(&ControllerHandler::CreateSnapshot, request);
    if (!response.ok()) return response.status();
    return response->snapshot();
  }
  absl::Status Delete(const std::string& id) {
    csi::v1::DeleteSnapshotRequest request;
    request.set_snapshot_id(id);
    return Call(&ControllerHandler::DeleteSnapshot, request).status();
  }
  absl::StatusOr<csi::v1::GetSnapshotResponse> Get(const std::string& id) {
    csi::v1::GetSnapshotRequest request;
    request.set_snapshot_id(id);
    return handler_.GetSnapshot(request);
  }
  // The ids that a list with these filters has.
  std::vector<std::string> List(const std::string& snapshot_id, const std::string& source) {
    csi::v1::ListSnapshotsRequest request;
    request.set_snapshot_id(snapshot_id);
    request.set_source_volume_id(source);
    std::vector<std::string> ids;
    const auto response = handler_.ListSnapshots(request);
    EXPECT_OK(response);
    if (!response.ok()) return ids;
    EXPECT_EQ(response->next_token(), "");
    for (const auto& entry : response->entries()) ids.push_back(entry.snapshot().snapshot_id());
    return ids;
  }
};

TEST_F(SnapshotCallsTest, AnswerDescribesTheSnapshot) {
  const std::string volume = MakeVolume("pvc-1");
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, Create("snapshot", volume));
  EXPECT_EQ(snapshot.snapshot_id(),
            storage::SnapshotId::ForName(FakeNodeStorage::kPool, "snapshot").text());
  EXPECT_EQ(snapshot.source_volume_id(), volume);
  EXPECT_EQ(snapshot.size_bytes(), FakeNodeStorage::kSnapshotBytes);
  EXPECT_EQ(snapshot.creation_time().seconds(), FakeNodeStorage::kSnapshotTime);
  EXPECT_TRUE(snapshot.ready_to_use());
}

TEST_F(SnapshotCallsTest, NameAndSourceAreRequired) {
  EXPECT_THAT(Create("", "x"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
  EXPECT_THAT(Create("snapshot", ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("source_volume_id")));
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(SnapshotCallsTest, AccessibilityRequirementsAreRefused) {
  csi::v1::CreateSnapshotRequest request;
  request.set_name("snapshot");
  request.set_source_volume_id(MakeVolume("pvc-1"));
  request.mutable_accessibility_requirements();
  EXPECT_THAT(
      Call(&ControllerHandler::CreateSnapshot, request),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("accessibility_requirements")));
}

TEST_F(SnapshotCallsTest, ParametersReachTheStorageAndSecretsDoNot) {
  csi::v1::CreateSnapshotRequest request;
  request.set_name("snapshot");
  request.set_source_volume_id("x");
  (*request.mutable_parameters())["key"] = "value";
  (*request.mutable_secrets())["password"] = "canary";
  ASSERT_OK(Call(&ControllerHandler::CreateSnapshot, request));
  const std::string seen = storage_.snapshots.begin()->second->request().DebugString();
  EXPECT_THAT(seen, HasSubstr("value"));
  EXPECT_EQ(seen.find("canary"), std::string::npos);
}

TEST_F(SnapshotCallsTest, WhatTheStorageSaysIsTheAnswer) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kNotFound, absl::StatusCode::kAlreadyExists, absl::StatusCode::kAborted,
        absl::StatusCode::kResourceExhausted, absl::StatusCode::kFailedPrecondition}) {
    storage_.answer = absl::Status(code, "why");
    EXPECT_THAT(Create("snapshot", "x"), StatusIs(code, "why"));
    EXPECT_THAT(Delete(UnknownId()), StatusIs(code, "why"));
  }
}

TEST_F(SnapshotCallsTest, DeleteRemovesAndMayBeRepeated) {
  const std::string id = MakeSnapshot("snapshot", "x");
  EXPECT_OK(Delete(id));
  EXPECT_THAT(storage_.snapshots, IsEmpty());
  EXPECT_OK(Delete(id));
}

TEST_F(SnapshotCallsTest, DeleteOfWhatIsNoIdOfOursIsDoneUnlessItLooksLikeAPath) {
  for (const char* const id : kForeignIds) EXPECT_OK(Delete(id)) << id;
  for (const char* const id : kClimbingIds) {
    EXPECT_THAT(Delete(id), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
  EXPECT_THAT(Delete(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("snapshot_id")));
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(SnapshotCallsTest, GetAnswersTheSnapshotAsCreateDid) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot created, Create("snapshot", "x"));
  ASSERT_OK_AND_ASSIGN(const auto got, Get(created.snapshot_id()));
  EXPECT_EQ(got.snapshot().SerializeAsString(), created.SerializeAsString());
}

TEST_F(SnapshotCallsTest, GetOfAnUnknownSnapshotIsNotFoundAndOfNoneInvalid) {
  for (const std::string& id : {UnknownId(), std::string("x"), std::string("../x")}) {
    EXPECT_THAT(Get(id), StatusIs(absl::StatusCode::kNotFound)) << id;
  }
  EXPECT_THAT(Get(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("snapshot_id")));
}

TEST_F(SnapshotCallsTest, ListFiltersBySourceAndById) {
  const std::string a1 = MakeSnapshot("a1", "volume-a");
  const std::string a2 = MakeSnapshot("a2", "volume-a");
  const std::string b1 = MakeSnapshot("b1", "volume-b");
  EXPECT_THAT(List("", ""), UnorderedElementsAre(a1, a2, b1));
  EXPECT_THAT(List("", "volume-a"), UnorderedElementsAre(a1, a2));
  EXPECT_THAT(List(b1, ""), ElementsAre(b1));
  EXPECT_THAT(List(b1, "volume-b"), ElementsAre(b1));
  EXPECT_THAT(List(b1, "volume-a"), IsEmpty());
}

TEST_F(SnapshotCallsTest, SnapshotOfWhichNothingIsKnownIsNoEmptyList) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, Create("snapshot", MakeVolume("pvc-1")));
  storage_.snapshots_known = absl::UnavailableError("its node is away");
  csi::v1::ListSnapshotsRequest request;
  request.set_snapshot_id(snapshot.snapshot_id());
  EXPECT_THAT(handler_.ListSnapshots(request),
              StatusIs(absl::StatusCode::kUnavailable, "its node is away"));
}

TEST_F(SnapshotCallsTest, FilterThatMatchesNothingIsAnEmptyList) {
  MakeSnapshot("a1", "volume-a");
  EXPECT_THAT(List(UnknownId(), ""), IsEmpty());
  EXPECT_THAT(List("", "volume-z"), IsEmpty());
  for (const char* const id : {"x", "../x", ".."}) {
    EXPECT_THAT(List(id, ""), IsEmpty()) << id;
    EXPECT_THAT(List("", id), IsEmpty()) << id;
  }
}

}  // namespace
}  // namespace nodevol::controller

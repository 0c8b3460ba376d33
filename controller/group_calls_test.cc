// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/controller_fixture.h"
#include "controller/group_handler.h"
#include "controller/group_service.h"
#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "test/client/csi_client.h"

namespace nodevol::controller {
namespace {

using csi::v1::VolumeGroupSnapshot;
using nodevol::testing::CsiClient;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GroupCallsTest : public ControllerFixture {
 protected:
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallGroup(void (GroupHandler::*method)(const storage::OperationContext&,
                                                                  const Request&,
                                                                  Callback<Response>),
                                     const Request& request) {
    std::optional<absl::StatusOr<Response>> answer;
    (group_.*method)({}, request,
                     [&answer](absl::StatusOr<Response> given) { answer = std::move(given); });
    if (!answer.has_value()) return absl::UnknownError("never answered");
    return *std::move(answer);
  }

  absl::StatusOr<VolumeGroupSnapshot> Create(const std::string& name,
                                             const std::vector<std::string>& sources) {
    csi::v1::CreateVolumeGroupSnapshotRequest request;
    request.set_name(name);
    for (const std::string& source : sources) request.add_source_volume_ids(source);
    (*request.mutable_secrets())["password"] = "secret";
    (*request.mutable_parameters())["csi.storage.k8s.io/x"] = "y";
    auto response = CallGroup(&GroupHandler::CreateGroupSnapshot, request);
    if (!response.ok()) return response.status();
    return response->group_snapshot();
  }
  absl::Status Delete(const std::string& id, const std::vector<std::string>& snapshots = {}) {
    csi::v1::DeleteVolumeGroupSnapshotRequest request;
    request.set_group_snapshot_id(id);
    for (const std::string& snapshot : snapshots) request.add_snapshot_ids(snapshot);
    return CallGroup(&GroupHandler::DeleteGroupSnapshot, request).status();
  }
  absl::StatusOr<VolumeGroupSnapshot> Get(const std::string& id,
                                          const std::vector<std::string>& snapshots = {}) {
    csi::v1::GetVolumeGroupSnapshotRequest request;
    request.set_group_snapshot_id(id);
    for (const std::string& snapshot : snapshots) request.add_snapshot_ids(snapshot);
    auto response = group_.GetGroupSnapshot(request);
    if (!response.ok()) return response.status();
    return response->group_snapshot();
  }
  static std::vector<std::string> IdsOf(const VolumeGroupSnapshot& group) {
    std::vector<std::string> ids;
    for (const auto& snapshot : group.snapshots()) ids.push_back(snapshot.snapshot_id());
    return ids;
  }
  static std::string UnknownGroup() {
    return storage::GroupId::ForName(FakeNodeStorage::kPool, "nobody").text();
  }

  GroupHandler group_{cluster_};
};

TEST_F(GroupCallsTest, AnswerDescribesTheGroupAndItsMembers) {
  const std::string a = MakeVolume("a");
  const std::string b = MakeVolume("b");
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Create("g", {a, b}));
  EXPECT_EQ(group.group_snapshot_id(),
            storage::GroupId::ForName(FakeNodeStorage::kPool, "g").text());
  EXPECT_TRUE(group.ready_to_use());
  EXPECT_EQ(group.creation_time().seconds(), FakeNodeStorage::kSnapshotTime);
  ASSERT_EQ(group.snapshots_size(), 2);
  EXPECT_EQ(group.snapshots(0).source_volume_id(), a);
  EXPECT_EQ(group.snapshots(1).source_volume_id(), b);
  for (const auto& snapshot : group.snapshots()) {
    EXPECT_EQ(snapshot.group_snapshot_id(), group.group_snapshot_id());
    EXPECT_TRUE(snapshot.ready_to_use());
  }
}

TEST_F(GroupCallsTest, MembersSayTheirGroupInListsAndAlone) {
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Create("g", {MakeVolume("a")}));
  const auto listed = handler_.ListSnapshots({});
  ASSERT_OK(listed);
  ASSERT_EQ(listed->entries_size(), 1);
  EXPECT_EQ(listed->entries(0).snapshot().group_snapshot_id(), group.group_snapshot_id());
  csi::v1::GetSnapshotRequest request;
  request.set_snapshot_id(group.snapshots(0).snapshot_id());
  const auto got = handler_.GetSnapshot(request);
  ASSERT_OK(got);
  EXPECT_EQ(got->snapshot().group_snapshot_id(), group.group_snapshot_id());
}

TEST_F(GroupCallsTest, SnapshotOfItsOwnHasNoGroup) {
  const std::string id = MakeSnapshot("snapshot", MakeVolume("a"));
  csi::v1::GetSnapshotRequest request;
  request.set_snapshot_id(id);
  const auto got = handler_.GetSnapshot(request);
  ASSERT_OK(got);
  EXPECT_EQ(got->snapshot().group_snapshot_id(), "");
}

TEST_F(GroupCallsTest, NameAndVolumesAreRequired) {
  EXPECT_THAT(Create("", {"x"}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
  EXPECT_THAT(Create("g", {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("source_volume_ids")));
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(GroupCallsTest, WholeRequestButSecretsReachesTheStorage) {
  const std::string volume = MakeVolume("a");
  ASSERT_OK(Create("g", {volume}));
  const v1::GroupSnapshotRequest& request = storage_.groups.begin()->second->request();
  EXPECT_EQ(request.name(), "g");
  EXPECT_THAT(request.source_volume_ids(), ElementsAre(volume));
  EXPECT_EQ(request.parameters().at("csi.storage.k8s.io/x"), "y");
  EXPECT_THAT(request.DebugString(), ::testing::Not(HasSubstr("secret")));
}

TEST_F(GroupCallsTest, StoragesRefusalIsTheAnswer) {
  const std::string volume = MakeVolume("a");
  storage_.answer = absl::FailedPreconditionError("no one point in time");
  EXPECT_THAT(Create("g", {volume}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "no one point in time"));
}

TEST_F(GroupCallsTest, DeletesWithItsMembers) {
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, Create("g", {MakeVolume("a")}));
  ASSERT_OK(Delete(group.group_snapshot_id(), IdsOf(group)));
  EXPECT_THAT(storage_.groups, IsEmpty());
  EXPECT_THAT(storage_.snapshots, IsEmpty());
}

TEST_F(GroupCallsTest, IdThatIsNoneIsDeletedAlreadyButNoPath) {
  EXPECT_THAT(Delete(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("required")));
  for (const char* const id : kClimbingIds) {
    EXPECT_THAT(Delete(id), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
  for (const char* const id : kForeignIds) EXPECT_OK(Delete(id)) << id;
  EXPECT_EQ(storage_.changes_asked, 0);
}

TEST_F(GroupCallsTest, GetFindsItByIdAndMembers) {
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group,
                       Create("g", {MakeVolume("a"), MakeVolume("b")}));
  std::vector<std::string> ids = IdsOf(group);
  std::swap(ids[0], ids[1]);
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot found, Get(group.group_snapshot_id(), ids));
  EXPECT_EQ(found.SerializeAsString(), group.SerializeAsString());
}

TEST_F(GroupCallsTest, GetOfOthersIsRefused) {
  ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group,
                       Create("g", {MakeVolume("a"), MakeVolume("b")}));
  std::vector<std::string> ids = IdsOf(group);
  EXPECT_THAT(Get(group.group_snapshot_id(), {ids[0]}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(ids[1])));
  ids.push_back("x");
  EXPECT_THAT(Get(group.group_snapshot_id(), ids),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"x\"")));
  EXPECT_THAT(Get(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("required")));
  EXPECT_THAT(Get(UnknownGroup()), StatusIs(absl::StatusCode::kNotFound));
  for (const char* const id : kForeignIds) {
    EXPECT_THAT(Get(id), StatusIs(absl::StatusCode::kNotFound)) << id;
  }
}

TEST_F(GroupCallsTest, EveryCallOfTheServiceReachesItsHandler) {
  using Stub = CsiClient::GroupController;
  const rpc::ScratchDirectory directory;
  rpc::Metrics metrics;
  rpc::Calls calls(metrics);
  GroupService service(calls, group_);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<rpc::Server> server,
                       rpc::Server::Start(directory / "csi.sock", {&service}));
  CsiClient client(directory / "csi.sock");
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(client.Call(&Stub::CreateVolumeGroupSnapshot, {}), invalid);
  EXPECT_THAT(client.Call(&Stub::DeleteVolumeGroupSnapshot, {}), invalid);
  EXPECT_THAT(client.Call(&Stub::GetVolumeGroupSnapshot, {}), invalid);
  const auto capabilities = client.Call(&Stub::GroupControllerGetCapabilities, {});
  ASSERT_OK(capabilities);
  ASSERT_EQ(capabilities->capabilities_size(), 1);
  EXPECT_EQ(
      capabilities->capabilities(0).rpc().type(),
      csi::v1::GroupControllerServiceCapability::RPC::CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT);
}

}  // namespace
}  // namespace nodevol::controller

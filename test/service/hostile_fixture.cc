// SPDX-License-Identifier: Apache-2.0
#include "test/service/hostile_fixture.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "storage/ids.h"
#include "test/client/ground.h"
#include "test/service/pool_listing.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {

using google::protobuf::Message;
using ::testing::HasSubstr;
using ::testing::Not;

void HostileFixture::SetUp() {
  ASSERT_NO_FATAL_FAILURE(StartNode({.ground = DirectoryOnBtrfs(), .more_flags = {"--health"}}));
  ASSERT_OK(harmless_.SetUp(node()));
  raw_ = std::make_unique<RawClient>(node().driver().socket_path());
  before_ = ListPool(node().disk().path());
  pid_ = node().driver().pid();
}

std::unique_ptr<Message> HostileFixture::HarmlessFor(const RequestField& field) const {
  std::unique_ptr<Message> request = harmless_.For(field.request());
  for (const TextField& other : AllTextFields()) {
    if (&other.request() == &field.request() && other.IsSecret()) other.Put(*request, kCanary);
  }
  return request;
}

bool HostileFixture::ServiceIsServed(const RequestField& field) {
  const google::protobuf::FileDescriptor& file = *field.request().file();
  for (const char* const name : {"Controller", "GroupController", "Node", "SnapshotMetadata"}) {
    const google::protobuf::ServiceDescriptor& service = *file.FindServiceByName(name);
    for (int i = 0; i < service.method_count(); ++i) {
      if (service.method(i)->input_type() == &field.request()) return true;
    }
  }
  return false;
}

absl::Status HostileFixture::Send(const Message& request) {
  const absl::StatusOr<std::string> answer = raw_->Send(request);
  EXPECT_THAT(std::string(answer.status().message()), Not(HasSubstr(kCanary)));
  if (answer.ok()) UndoCreation(request, *answer);
  ExpectUnchanged();
  return answer.status();
}

absl::Status HostileFixture::SendBytes(const google::protobuf::Descriptor& request,
                                       const std::string& bytes) {
  const absl::Status answered = raw_->Send(request, bytes).status();
  ExpectUnchanged();
  return answered;
}

void HostileFixture::UndoCreation(const Message& request, const std::string& answer) {
  if (request.GetDescriptor() == csi::v1::CreateVolumeRequest::descriptor()) {
    csi::v1::CreateVolumeResponse created;
    ASSERT_TRUE(created.ParseFromString(answer));
    ExpectMadeOnly({absl::StrCat("volumes/", created.volume().volume_id())});
    EXPECT_OK(client().Delete(created.volume().volume_id()));
  } else if (request.GetDescriptor() == csi::v1::CreateSnapshotRequest::descriptor()) {
    csi::v1::CreateSnapshotResponse created;
    ASSERT_TRUE(created.ParseFromString(answer));
    ExpectMadeOnly({absl::StrCat("snapshots/", created.snapshot().snapshot_id())});
    EXPECT_OK(client().DeleteSnapshot(created.snapshot().snapshot_id()));
  } else if (request.GetDescriptor() == csi::v1::CreateVolumeGroupSnapshotRequest::descriptor()) {
    csi::v1::CreateVolumeGroupSnapshotResponse created;
    ASSERT_TRUE(created.ParseFromString(answer));
    const csi::v1::VolumeGroupSnapshot& group = created.group_snapshot();
    std::vector<std::string> made = {absl::StrCat("groups/", group.group_snapshot_id())};
    for (const auto& snapshot : group.snapshots()) {
      made.push_back(absl::StrCat("snapshots/", snapshot.snapshot_id()));
    }
    ExpectMadeOnly(made);
    EXPECT_OK(client().DeleteGroup(group));
  }
}

void HostileFixture::ExpectMadeOnly(const std::vector<std::string>& objects) {
  for (const std::string& object : objects) {
    const std::string id = object.substr(object.find('/') + 1);
    EXPECT_TRUE(storage::VolumeId::Parse(id).has_value()) << id;
  }
  const std::vector<std::string> now = ListPool(node().disk().path());
  std::vector<std::string> made;
  std::set_difference(now.begin(), now.end(), before_.begin(), before_.end(),
                      std::back_inserter(made));
  for (const std::string& line : made) {
    EXPECT_TRUE(std::any_of(objects.begin(), objects.end(), [&](const std::string& object) {
      const std::string place = absl::StrCat(node().disk().path(), "/", object);
      return absl::StartsWith(line, place + " ") || absl::StartsWith(line, place + "/");
    })) << line;
  }
}

void HostileFixture::ExpectUnchanged() {
  EXPECT_EQ(node().driver().pid(), pid_);
  // The reaper removes what was deleted a moment later.
  std::vector<std::string> now;
  const absl::Status unchanged = Eventually([&] {
    now = ListPool(node().disk().path());
    return now == before_ ? absl::OkStatus() : absl::InternalError("the pool has changed");
  });
  EXPECT_OK(unchanged) << "the pool was:\n"
                       << absl::StrJoin(before_, "\n") << "\nand is:\n"
                       << absl::StrJoin(now, "\n");
  // Told once.
  before_ = now;
  EXPECT_OK(client().csi().Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()));
}

std::string HostileFixture::AbsentId() const {
  // Ids begin with the pool's UUID.
  const absl::StatusOr<csi::v1::ListVolumesResponse> volumes = node().client().csi().Call(
      &CsiClient::Controller::ListVolumes, csi::v1::ListVolumesRequest());
  EXPECT_OK(volumes);
  if (!volumes.ok()) return "";
  const storage::VolumeId id = *storage::VolumeId::Parse(volumes->entries(0).volume().volume_id());
  return storage::VolumeId::ForName(id.pool_uuid(), "nothing has this name").text();
}

std::string HostileFixture::IdOfForeignPool() {
  return storage::VolumeId::ForName("0123456789abcdef0123456789abcdef", "volume").text();
}

}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// The administrator's commands that look at pools and volumes, and undelete.
#include <fstream>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"

#include "proto/admin.pb.h"
#include "test/service/admin_command.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kTime[] = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z";
constexpr char kAge[] = "[0-9]+[sm]";
constexpr char kSize[] = "[0-9.]+ [KMG]iB";

class AdminTest : public ServiceFixture {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartNode({.ground = ImageOnXfs()})); }

  [[nodiscard]] CommandResult Run(const std::string& line) const { return RunOn(node(), line); }
  template <typename Message>
  [[nodiscard]] Message Json(const std::string& line) const {
    const CommandResult result = Run(line + " -o json");
    Message message;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &message).ok())
        << result.out << result.err;
    return message;
  }
  // A volume that can be had back.
  absl::StatusOr<std::string> CreateKept(const std::string& name) {
    csi::v1::CreateVolumeRequest request =
        client().VolumeRequest(name, node().ground().volume_bytes);
    (*request.mutable_parameters())["undeleteWindow"] = "1h";
    const auto created = client().csi().Call(&CsiClient::Controller::CreateVolume, request);
    if (!created.ok()) return created.status();
    return created->volume().volume_id();
  }
};

TEST_F(AdminTest, PoolListIsATableForPeople) {
  ASSERT_OK(node().CreateVolume("pvc-1"));
  const CommandResult list = Run("pool list");
  EXPECT_EQ(list.exit, 0);
  EXPECT_THAT(Squeezed(list.out),
              MatchesRegex(absl::StrCat(
                  "NAME STATE FILESYSTEM CAPACITY PROMISED AVAILABLE KEPT VOLUMES "
                  "SNAPSHOTS DAMAGED PATH\n"
                  "p ready xfs ",
                  kSize, " 32 MiB ", kSize, " 0 bytes 1 0 0 ", node().disk().path(), "\n")));
  EXPECT_THAT(Squeezed(Run("pool list -o wide").out),
              AllOf(HasSubstr("PATH FREE WRITTEN OTHER REFLINK DIRECTORIES UUID\n"),
                    HasSubstr(" yes none ")));
}

TEST_F(AdminTest, PoolListInJsonHasItAll) {
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("pvc-1"));
  const auto list = Json<admin::v1::ListPoolsResponse>("pool list");
  EXPECT_EQ(list.node().node_id(), "node-1");
  EXPECT_EQ(list.node().driver_name(), "csi.nodevol.io");
  EXPECT_EQ(list.node().topology().at("topology.csi.nodevol.io/node"), "node-1");
  ASSERT_EQ(list.pools_size(), 1);
  const admin::v1::Pool& pool = list.pools(0);
  EXPECT_EQ(pool.uuid(), id.substr(0, 32));
  EXPECT_EQ(pool.promised_bytes(), node().ground().volume_bytes);
  EXPECT_GT(pool.capacity_bytes(), pool.available_bytes());
  EXPECT_TRUE(pool.reflink());
  EXPECT_THAT(pool.directory_limit_reason(), Not(IsEmpty()));
}

TEST_F(AdminTest, PoolThatHasFailedIsSaidToWithTheReason) {
  ASSERT_OK(node().disk().CutPower());
  ASSERT_OK(Eventually([this] {
    return Run("pool list").exit == 1 ? absl::OkStatus()
                                      : absl::DeadlineExceededError("the pool has not failed");
  }));
  EXPECT_THAT(Run("pool list"),
              EndedWith(1, AllOf(HasSubstr("unavailable"), HasSubstr("Look after the disk"))));
}

TEST_F(AdminTest, VolumesAreListedWithTheirUse) {
  ASSERT_OK(node().CreateVolume("pvc-idle"));
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("pvc-used"));
  const Pod pod(id, node().directory(), "pod");
  ASSERT_OK(pod.Start(client()));
  const CommandResult list = Run("volume list");
  EXPECT_EQ(list.exit, 0);
  const std::string tail = absl::StrCat(" ", kTime, " ", kAge, "\n");
  const std::string idle = absl::StrCat("pvc-idle p ext4 image 32 MiB ", kSize, " idle", tail);
  const std::string used = absl::StrCat("pvc-used p ext4 image 32 MiB ", kSize, " mounted", tail);
  const std::string titles = "NAME POOL KIND SIZE WRITTEN STATE CREATED AGE\n";
  // Ordered by id.
  EXPECT_THAT(Squeezed(list.out),
              MatchesRegex(absl::StrCat(titles, "(", idle, used, "|", used, idle, ")")));
  EXPECT_THAT(Run("volume list -o wide").out, AllOf(HasSubstr(id), HasSubstr(pod.target())));
  EXPECT_THAT(Run("volume list --pool p").out, AllOf(HasSubstr("pvc-idle"), HasSubstr("pvc-used")));
  EXPECT_THAT(Run("volume list --pool q"), EndedWith(4, HasSubstr("no pool \"q\", only p")));
  const auto json = Json<admin::v1::ListVolumesResponse>("volume list");
  EXPECT_EQ(json.volumes_size(), 2);
  ASSERT_OK(pod.Stop(client()));
  EXPECT_THAT(Run("volume list").out, Not(HasSubstr("mounted")));
}

TEST_F(AdminTest, ManyVolumesAreListedOnceEach) {
  constexpr int kVolumes = 12;
  for (int i = 0; i < kVolumes; ++i) ASSERT_OK(node().CreateVolume(absl::StrCat("v", i)));
  std::set<std::string> names;
  const auto list = Json<admin::v1::ListVolumesResponse>("volume list");
  for (const admin::v1::Volume& volume : list.volumes()) {
    EXPECT_TRUE(names.insert(volume.name()).second) << volume.name();
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kVolumes));
}

TEST_F(AdminTest, ShowSaysEverythingOfAVolumeInUse) {
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("pvc-1"));
  ASSERT_OK(client().Snapshot("snap-1", id));
  const Pod pod(id, node().directory(), "pod");
  ASSERT_OK(pod.Start(client()));
  ASSERT_OK(pod.Write("data", std::string(1 << 20, 'x')));
  for (const std::string& name : {id, std::string("pvc-1")}) {
    const CommandResult show = Run("volume show " + name);
    EXPECT_EQ(show.exit, 0);
    EXPECT_THAT(
        Squeezed(show.out),
        AllOf(HasSubstr("name pvc-1\n"), HasSubstr("id " + id + "\n"), HasSubstr("state mounted\n"),
              HasSubstr("files " + node().disk().path() + "/volumes/" + id + "\n"),
              HasSubstr("size 32 MiB (33554432 bytes)\n"), HasSubstr(pod.target()),
              HasSubstr("used inside "), HasSubstr("\nsnapshots\n"), HasSubstr("snap-1 ")));
  }
  const auto json = Json<admin::v1::GetVolumeResponse>("volume show pvc-1");
  EXPECT_EQ(json.record().request().name(), "pvc-1");
  EXPECT_GE(json.usage().used_bytes(), 1 << 20);
  EXPECT_EQ(json.mounts_size(), 2);  // staged, and published
  EXPECT_EQ(json.snapshots_size(), 1);
  EXPECT_THAT(Run("volume show pvc-2"), EndedWith(4, HasSubstr("\"pvc-2\"")));
  ASSERT_OK(pod.Stop(client()));
}

TEST_F(AdminTest, PersistentVolumeIsMadeForAVolume) {
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("pvc-1"));
  EXPECT_THAT(
      Run("volume show pvc-1 -o pv --storage-class local"),
      EndedWith(0, AllOf(HasSubstr("kind: PersistentVolume\n"),
                         HasSubstr("volumeHandle: \"" + id + "\"\n"),
                         HasSubstr("storage: \"33554432\"\n"),
                         HasSubstr("key: \"topology.csi.nodevol.io/node\"\n"),
                         HasSubstr("- \"node-1\"\n"), HasSubstr("storageClassName: \"local\"\n"))));
}

TEST_F(AdminTest, SnapshotsAreListedByVolume) {
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("pvc-1"));
  ASSERT_OK_AND_ASSIGN(const std::string other, node().CreateVolume("pvc-2"));
  ASSERT_OK(client().Snapshot("snap-1", id));
  ASSERT_OK(client().Snapshot("snap-2", other));
  EXPECT_THAT(Run("snapshot list").out, AllOf(HasSubstr("snap-1"), HasSubstr("snap-2")));
  EXPECT_THAT(Squeezed(Run("snapshot list --volume pvc-1").out),
              MatchesRegex(absl::StrCat(
                  "NAME POOL OF VOLUME SIZE PINNED STATE CREATED AGE\nsnap-1 p pvc-1 32 MiB ",
                  kSize, " ready ", kTime, " ", kAge, "\n")));
  EXPECT_THAT(Run("snapshot list --volume no"), EndedWith(4, HasSubstr("\"no\"")));
  ASSERT_OK(client().Delete(id));
  EXPECT_THAT(Run("snapshot list --volume " + id).out, HasSubstr(id + " (gone)"));
}

TEST_F(AdminTest, DeletedVolumeComesBack) {
  ASSERT_OK_AND_ASSIGN(const std::string id, CreateKept("pvc-1"));
  EXPECT_THAT(Run("undelete pvc-1"), EndedWith(1, HasSubstr("exists")));
  EXPECT_THAT(Run("undelete " + id), EndedWith(1, HasSubstr("exists")));
  ASSERT_OK(client().Delete(id));
  EXPECT_THAT(Squeezed(Run("volume list --deleted").out),
              MatchesRegex(absl::StrCat("NAME POOL KIND SIZE DELETED AGE KEPT UNTIL\n"
                                        "pvc-1 p ext4 image 32 MiB ",
                                        kTime, " ", kAge, " ", kTime, "\n")));
  EXPECT_THAT(Run("volume list").out, Not(HasSubstr("pvc-1")));
  EXPECT_THAT(Run("volume show pvc-1"),
              EndedWith(0, AllOf(HasSubstr("deleted"), HasSubstr("nodevol undelete " + id))));
  EXPECT_THAT(Run("volume show pvc-1 -o pv"), EndedWith(1, HasSubstr("bring it back first")));
  EXPECT_THAT(Run("undelete pvc-1"),
              EndedWith(0, AllOf(HasSubstr("is back in pool p"), HasSubstr("-o pv"))));
  EXPECT_THAT(Run("volume list").out, HasSubstr("pvc-1"));
  EXPECT_THAT(Run("volume list --deleted").out, Not(HasSubstr("pvc-1")));
  EXPECT_OK(client().ControllerExpand(id, 64 << 20)) << "it is a volume as all others";
  EXPECT_THAT(Run("undelete no-such"),
              EndedWith(4, AllOf(HasSubstr("\"no-such\""), HasSubstr("undeleteWindow"))));
}

TEST_F(AdminTest, DamagedVolumeIsShownWithItsReason) {
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("pvc-1"));
  ASSERT_OK(node().Stop());
  std::ofstream(node().disk().path() + "/volumes/" + id + "/record", std::ios::app) << "x";
  ASSERT_OK(node().Start());
  EXPECT_THAT(Run("volume list"), EndedWith(0, AllOf(HasSubstr("damaged"), HasSubstr(id),
                                                     HasSubstr("checksum does not match"))));
  EXPECT_THAT(Run("volume show pvc-1"),
              EndedWith(1, AllOf(HasSubstr("damaged"), HasSubstr("checksum does not match"),
                                 HasSubstr("/volumes/" + id))));
  EXPECT_THAT(Run("pool list").out, HasSubstr(" 1  "));
}

// What CSI lets through and a terminal would act on.
TEST_F(AdminTest, HostileNameIsEscaped) {
  const std::string right_to_left = {'\xe2', '\x80', '\xae'};
  ASSERT_OK(node().CreateVolume(absl::StrCat("evil", right_to_left, "name")));
  EXPECT_THAT(Run("volume list").out,
              AllOf(HasSubstr("evil\\u202ename"), Not(HasSubstr(right_to_left))));
  EXPECT_THAT(Run("volume list -o json").out, HasSubstr("evil\\u202ename"));
}

TEST_F(AdminTest, EveryCallIsLogged) {
  EXPECT_EQ(Run("pool list").exit, 0);
  EXPECT_THAT(Run("undelete nobody"), EndedWith(4, HasSubstr("nobody")));
  EXPECT_THAT(node().driver().Log(),
              AllOf(HasSubstr("answered rpc=Admin/ListPools code=OK"),
                    HasSubstr("answered rpc=Admin/UndeleteVolume volume=nobody code=NOT_FOUND")));
}

}  // namespace
}  // namespace nodevol::testing

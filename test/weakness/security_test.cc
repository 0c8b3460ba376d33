// SPDX-License-Identifier: Apache-2.0
//
// Weaknesses of what a client, or a reader of logs and disks, must not get.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "test/client/driver_process.h"
#include "test/client/raw_client.h"
#include "test/service/pool_listing.h"
#include "test/support/request_fields.h"
#include "test/support/sandbox.h"
#include "test/weakness/weakness_fixture.h"

namespace nodevol::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(Weakness, W24_NoIdLeadsOutOfThePool) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK(node().CreateVolume("volume"));
  const std::string decoy = node().directory() + "/decoy";
  ASSERT_EQ(::mkdir(decoy.c_str(), 0700), 0);
  std::ofstream(decoy + "/precious") << "somebody's";
  std::ofstream(decoy + "/precious.snap") << "somebody's";
  const std::vector<std::string> before = ListPool(node().disk().path());
  const std::string target = node().directory() + "/target";
  for (const std::string& id :
       {std::string("."), std::string(".."), std::string("../../") + decoy, decoy,
        decoy + "/precious", absl::StrCat("../../../../../../..", decoy)}) {
    SCOPED_TRACE(id);
    EXPECT_FALSE(client().Stage(id, node().directory()).ok());
    EXPECT_FALSE(client().Publish(id, node().directory(), target).ok());
    csi::v1::NodePublishVolumeRequest inline_volume;
    inline_volume.set_volume_id(id);
    inline_volume.set_target_path(target);
    *inline_volume.mutable_volume_capability() = MountCapability();
    (*inline_volume.mutable_volume_context())["csi.storage.k8s.io/ephemeral"] = "true";
    EXPECT_FALSE(Call(&Node::NodePublishVolume, inline_volume).ok());
    client().Unpublish(id, target).IgnoreError();
    client().Unstage(id, node().directory()).IgnoreError();
    client().Delete(id).IgnoreError();
    client().DeleteSnapshot(id).IgnoreError();
  }
  EXPECT_EQ(ListPool(node().disk().path()), before);
  EXPECT_THAT(NamesIn(decoy), ::testing::ElementsAre("precious", "precious.snap"));
  EXPECT_NE(::access(target.c_str(), F_OK), 0);
}

TEST_F(Weakness, W25_SecretsAreInNoLog) {
  constexpr char kCanary[] = "canary-4711";
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  csi::v1::CreateVolumeRequest request = VolumeRequest("volume");
  (*request.mutable_secrets())["token"] = kCanary;
  EXPECT_OK(Create(request));
  auto raw = std::make_unique<RawClient>(node().driver().socket_path());
  for (const TextField& field : AllTextFields()) {
    if (!field.IsSecret() && field.field().name() != "mount_flags") continue;
    raw->Send(*field.Request(kCanary)).status().IgnoreError();
  }
  raw.reset();
  ASSERT_OK(node().Stop());
  const std::string log = node().driver().Log();
  EXPECT_THAT(log, HasSubstr("CreateVolume"));
  EXPECT_THAT(log, Not(HasSubstr(kCanary)));
}

TEST_F(Weakness, W26_SocketAndPoolAreRootsAlone) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  ASSERT_OK_AND_ASSIGN(const std::string volume, node().CreateVolume("volume"));
  ASSERT_OK(client().Snapshot("snapshot", volume));
  struct stat status = {};
  ASSERT_EQ(::stat(node().driver().socket_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & (S_IRWXG | S_IRWXO), 0U);
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(node().disk().path() + "/snapshots")) {
    ASSERT_EQ(::lstat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & (S_IRWXG | S_IRWXO), 0U) << entry.path();
  }
  // No network, whatever is asked for.
  const std::string log = node().directory() + "/log-of-another";
  for (const char* const endpoint : {"tcp://127.0.0.1:10000", "127.0.0.1:10000"}) {
    absl::StatusOr<DriverProcess> another =
        DriverProcess::Spawn({.pools = {},
                              .socket_path = node().directory() + "/another.sock",
                              .log_path = log,
                              .more_flags = {absl::StrCat("--endpoint=", endpoint)}});
    ASSERT_OK(another);
    EXPECT_NE(another->Wait(), 0);
    EXPECT_THAT(another->Log(), HasSubstr("--endpoint"));
  }
}

}  // namespace
}  // namespace nodevol::testing

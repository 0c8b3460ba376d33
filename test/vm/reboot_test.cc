// SPDX-License-Identifier: Apache-2.0
//
// A machine is cut off while the driver runs and pods write, and starts again: test/vm/run.sh boots
// a virtual one twice, and runs a part of this each time. The pools, on XFS and ext4 with project
// quotas, are mounted beneath the directory that NODEVOL_REBOOT_POOLS names; what the second boot
// must find is in a file on another disk.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "base/bytes.h"
#include "host/file.h"
#include "host/privilege.h"
#include "test/client/driver_process.h"
#include "test/client/volume_client.h"
#include "test/service/pod.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Ge;
using ::testing::Le;

constexpr int64_t kBytes = 16 * kMiB;
constexpr char kContent[] = "written and synced before the end";
constexpr char kRemembered[] = "volumes";

class RebootTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const char* const pools = ::getenv("NODEVOL_REBOOT_POOLS");
    if (pools == nullptr) GTEST_SKIP() << "test/vm/run.sh runs this test, in a virtual machine";
    // What a pod does here it does as a usual pod: ext4 holds this capability to no limit.
    ASSERT_OK(host::LowerSysResource());
    state_ = absl::StrCat(pools, "/", GetParam(), ".state");
    ::mkdir(state_.c_str(), 0700);
    options_ = {.pools = {absl::StrCat(GetParam(), "=", pools, "/", GetParam())},
                .socket_path = state_ + "/csi.sock",
                .log_path = state_ + "/log"};
  }

  void Start(bool create_pools) {
    if (create_pools) options_.more_flags = {"--create-pools"};
    ASSERT_OK_AND_ASSIGN(DriverProcess driver, DriverProcess::Start(options_));
    driver_.emplace(std::move(driver));
    client_ = std::make_unique<VolumeClient>(
        options_.socket_path,
        VolumeClass{.capability = MountCapability(), .parameters = {{"backend", "directory"}}},
        absl::Minutes(5));
  }
  VolumeClient& client() { return *client_; }
  [[nodiscard]] UniqueFd State() const { return *host::OpenPath(state_, O_RDONLY | O_DIRECTORY); }

  std::string state_;  // not in the pool, and on a disk that is not cut off
  DriverProcess::Options options_;
  std::optional<DriverProcess> driver_;
  std::unique_ptr<VolumeClient> client_;
};
INSTANTIATE_TEST_SUITE_P(Pools, RebootTest, ::testing::Values("xfs", "ext4"),
                         [](const auto& pool) { return std::string(pool.param); });

TEST_P(RebootTest, BeforeIt) {
  ASSERT_NO_FATAL_FAILURE(Start(/*create_pools=*/true));
  std::map<std::string, std::string> ids;
  for (const char* name : {"plain", "grown", "source", "deleted"}) {
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, client().Create(name, kBytes));
    ids[name] = volume.volume_id();
    const Pod pod(volume.volume_id(), state_, name);
    ASSERT_OK(pod.Start(client()));
    ASSERT_OK(pod.Write("content", kContent));
    if (std::string(name) == "plain") continue;  // it is in use to the end
    ASSERT_OK(pod.Stop(client()));
  }
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot,
                       client().Snapshot("snapshot", ids["source"]));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored,
                       client().Restore("restored", snapshot.snapshot_id()));
  ids["restored"] = restored.volume_id();
  ids["snapshot"] = snapshot.snapshot_id();
  std::string remembered;
  for (const auto& [name, id] : ids) absl::StrAppend(&remembered, name, " ", id, "\n");
  ASSERT_OK(host::WriteNewFile(State().get(), kRemembered, remembered, 0600));
  // The last calls before the end: what they answered holds.
  ASSERT_OK(client().Delete(ids["deleted"]));
  ASSERT_OK(client().ControllerExpand(ids["grown"], 2 * kBytes));
}

TEST_P(RebootTest, AfterIt) {
  ASSERT_NO_FATAL_FAILURE(Start(/*create_pools=*/false));
  ASSERT_OK_AND_ASSIGN(const std::string remembered,
                       host::ReadFile(State().get(), kRemembered, 4096));
  std::map<std::string, std::string> ids;
  for (const absl::string_view line : absl::StrSplit(remembered, '\n', absl::SkipEmpty())) {
    ids.insert(absl::StrSplit(line, ' '));
  }
  ASSERT_OK_AND_ASSIGN(const auto list, client().csi().Call(&CsiClient::Controller::ListVolumes,
                                                            csi::v1::ListVolumesRequest()));
  EXPECT_EQ(list.entries_size(), 4) << list.ShortDebugString();
  for (const auto& [name, bytes] : std::map<std::string, int64_t>{
           {"plain", kBytes}, {"grown", 2 * kBytes}, {"source", kBytes}, {"restored", kBytes}}) {
    const Pod pod(ids[name], state_, name);
    ASSERT_OK(pod.Start(client())) << name;
    EXPECT_THAT(pod.Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent)) << name;
    int error = 0;
    EXPECT_THAT(pod.Fill("flood", error), AllOf(Ge(bytes - 2 * kMiB), Le(bytes))) << name;
    EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT)) << name;
    ASSERT_OK(pod.Stop(client())) << name;
  }
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume again, client().Restore("again", ids["snapshot"]));
  const Pod pod(again.volume_id(), state_, "again");
  ASSERT_OK(pod.Start(client()));
  EXPECT_THAT(pod.Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  ASSERT_OK(pod.Stop(client()));
  for (const char* name : {"plain", "grown", "source", "restored"}) {
    EXPECT_OK(client().Delete(ids[name])) << name;
  }
  EXPECT_OK(client().Delete(again.volume_id()));
  EXPECT_OK(client().DeleteSnapshot(ids["snapshot"]));
  client_.reset();
  EXPECT_OK(driver_->Stop());
}

}  // namespace
}  // namespace nodevol::testing

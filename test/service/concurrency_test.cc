// SPDX-License-Identifier: Apache-2.0
//
// 64 clients over the whole service at once, on volumes of their own and on the same few names.
// Built with a sanitizer, the driver ends with its report, which then is the test's failure.
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "storage/ids.h"
#include "test/client/grpc_environment.h"
#include "test/service/contender.h"
#include "test/service/observations.h"
#include "test/service/own_life.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using storage::SnapshotId;
using storage::VolumeId;
using ::testing::IsEmpty;

const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);

constexpr int kClients = 64;
constexpr int kLives = 2;
constexpr int kContentions = 40;
constexpr int kSharedNames = 4;
constexpr int64_t kBytes = 16 * kMiB;
// A sanitizer makes everything slow, and a deadline is no finding.
constexpr absl::Duration kTimeout = absl::Minutes(10);

class ConcurrencyTest : public ServiceFixture {
 protected:
  void StartOn(const Ground& ground) {
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = ground, .pool_bytes = 64 * kGiB}));
    mounted_ = Leftovers::Now();
    ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("any"));
    const VolumeId any = *VolumeId::Parse(id);
    ASSERT_OK(client().Delete(id));
    for (int i = 0; i < kSharedNames; ++i) Share(any.pool_uuid(), absl::StrCat("shared-", i));
  }

  void Share(absl::string_view pool, const std::string& name) {
    SharedName shared = {.name = name,
                         .bytes = kBytes,
                         .pod = Pod(VolumeId::ForName(pool, name).text(), node().directory(), name),
                         .snapshot_id = SnapshotId::ForName(pool, name).text(),
                         .restored_id = ""};
    shared.restored_id = VolumeId::ForName(pool, shared.RestoredName()).text();
    shared_.push_back(std::move(shared));
  }

  // Directories mostly; some filesystems in images and raw devices.
  static VolumeClass ClassOf(int client) {
    switch (client % 8) {
      case 0:
        return {MountCapability("ext4"), {}};
      case 1:
        return {BlockCapability(), {}};
      default:
        return {MountCapability(), {{"backend", "directory"}}};
    }
  }

  void Live(int client, const VolumeClass& volume_class, int life) {
    VolumeClient own(node().driver().socket_path(), volume_class, kTimeout);
    const std::string name = absl::StrCat("own-", client, "-", life);
    const absl::Status lived = LiveAlone(own, node().directory(), name, kBytes);
    if (!lived.ok()) observations_.Complain(lived.ToString());
  }
  void LiveAndContend(int number) {
    VolumeClient client(node().driver().socket_path(), node().ground().volume_class, kTimeout);
    Contender contender(client, shared_, static_cast<unsigned>(number + 1), observations_);
    for (int life = 0; life < kLives; ++life) {
      Live(number, ClassOf(number), life);
      contender.Run(kContentions / kLives);
    }
  }
  // Runs it for as many clients at once, each of which knows its number.
  void RunClients(int count, const std::function<void(int)>& run) {
    std::vector<std::thread> clients;
    clients.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) clients.emplace_back([&run, i] { run(i); });
    for (std::thread& client : clients) client.join();
    EXPECT_THAT(observations_.Complaints(), IsEmpty())
        << absl::StrJoin(observations_.Complaints(), "\n");
  }

  void ExpectNothingIsLeft() {
    const auto volumes =
        client().csi().Call(&CsiClient::Controller::ListVolumes, csi::v1::ListVolumesRequest());
    ASSERT_OK(volumes);
    EXPECT_EQ(volumes->entries_size(), 0) << volumes->ShortDebugString();
    const auto snapshots =
        client().csi().Call(&CsiClient::Controller::ListSnapshots, csi::v1::ListSnapshotsRequest());
    ASSERT_OK(snapshots);
    EXPECT_EQ(snapshots->entries_size(), 0) << snapshots->ShortDebugString();
    EXPECT_OK(CheckPoolEmpty(node().disk()));
    EXPECT_OK(Eventually([this]() -> absl::Status {
      const Leftovers now = Leftovers::Now();
      if (now.mounts == mounted_.mounts && now.loops == mounted_.loops) return absl::OkStatus();
      return absl::InternalError(absl::StrCat("mounts ", mounted_.mounts, " -> ", now.mounts,
                                              ", loops ", mounted_.loops, " -> ", now.loops));
    }));
  }

  Leftovers mounted_;
  std::vector<SharedName> shared_;
  Observations observations_;
};

TEST_F(ConcurrencyTest, ManyClientsOnTheirOwnVolumesAndOnTheSame) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  RunClients(kClients, [this](int number) { LiveAndContend(number); });
  std::printf("%d clients; on the same names: %s\n", kClients, observations_.Summary().c_str());
  for (const SharedName& shared : shared_) EXPECT_OK(CleanUp(client(), shared));
  ExpectNothingIsLeft();
  EXPECT_OK(node().Stop());
}

// What one thread closes, a program that another is starting holds open a little longer: a mount,
// for one, that is to be gone before e2fsck comes.
TEST_F(ConcurrencyTest, FilesystemsAreMadeMountedAndGrownAtOnce) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  RunClients(kClients, [this](int number) {
    for (int life = 0; life < kLives; ++life) Live(number, {MountCapability("ext4"), {}}, life);
  });
  ExpectNothingIsLeft();
  EXPECT_OK(node().Stop());
}

}  // namespace
}  // namespace nodevol::testing

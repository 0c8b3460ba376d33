// SPDX-License-Identifier: Apache-2.0
//
// Weaknesses of the process: ended by a call, held up by a call, races.
#include <sys/syscall.h>

#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/support/held_call.h"
#include "test/weakness/weakness_fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;

TEST_F(Weakness, W19_ListsOfOddPagesEndNothing) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK(node().CreateVolume("volume"));
  const pid_t pid = node().driver().pid();
  for (const char* const token : {"0", "1", "-1", "4294967295", "99"}) {
    csi::v1::ListVolumesRequest volumes;
    volumes.set_starting_token(token);
    EXPECT_THAT(Call(&Controller::ListVolumes, volumes), StatusIs(StatusCode::kAborted)) << token;
    csi::v1::ListSnapshotsRequest snapshots;
    snapshots.set_starting_token(token);
    EXPECT_THAT(Call(&Controller::ListSnapshots, snapshots), StatusIs(StatusCode::kAborted))
        << token;
  }
  for (const int32_t number : {-1, std::numeric_limits<int32_t>::min()}) {
    csi::v1::ListVolumesRequest volumes;
    volumes.set_max_entries(number);
    EXPECT_THAT(Call(&Controller::ListVolumes, volumes), StatusIs(StatusCode::kInvalidArgument));
    csi::v1::ListSnapshotsRequest snapshots;
    snapshots.set_max_entries(number);
    EXPECT_THAT(Call(&Controller::ListSnapshots, snapshots),
                StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_OK(Probe());
  EXPECT_EQ(node().driver().pid(), pid);
}

TEST_F(Weakness, W21_SnapshotHoldsUpNoOtherVolume) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  ASSERT_OK_AND_ASSIGN(const std::string source, node().CreateVolume("source"));
  ASSERT_OK_AND_ASSIGN(const Pod other, StartPod("other"));
  ASSERT_OK_AND_ASSIGN(HeldCall held, HeldCall::Begin(node().driver().pid(),
                                                      {.name = "ioctl",
                                                       .number = SYS_ioctl,
                                                       .threads = "p-bulk",
                                                       .trace = node().directory() + "/trace"}));
  absl::StatusOr<csi::v1::Snapshot> snapshot;
  std::atomic<bool> answered = false;
  std::thread taker([&] {
    snapshot = client().Snapshot("snapshot", source);
    answered = true;
  });
  EXPECT_OK(held.AwaitHeld());
  for (int i = 0; i < 3; ++i) {
    EXPECT_OK(client().Unpublish(other.volume_id(), other.target()));
    EXPECT_OK(client().Publish(other.volume_id(), other.staging(), other.target()));
  }
  EXPECT_OK(Call(&Controller::ListVolumes, csi::v1::ListVolumesRequest()));
  // A client that does not want to wait need not.
  VolumeClient impatient(node().driver().socket_path(), node().ground().volume_class,
                         absl::Milliseconds(200));
  EXPECT_FALSE(impatient.Snapshot("another", source).ok());
  EXPECT_FALSE(answered);
  held.Release();
  taker.join();
  EXPECT_OK(snapshot);
}

// Built with a sanitizer the driver would tell; test/service/concurrency_test.cc does more of it,
// under ThreadSanitizer.
TEST_F(Weakness, W22_ReadersDoNotRaceWithWriters) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  std::atomic<bool> stop = false;
  std::vector<absl::Status> seen(2);
  std::vector<std::thread> readers;
  for (absl::Status& status : seen) {
    readers.emplace_back([&, this] {
      while (!stop && status.ok()) {
        status = Call(&Controller::ListVolumes, csi::v1::ListVolumesRequest()).status();
        if (!status.ok()) return;
        status = Call(&Controller::ListSnapshots, csi::v1::ListSnapshotsRequest()).status();
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    const std::string name = absl::StrCat("volume-", i);
    ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume(name));
    ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, client().Snapshot(name, id));
    EXPECT_OK(client().Delete(id));
    EXPECT_OK(client().DeleteSnapshot(snapshot.snapshot_id()));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  for (const absl::Status& status : seen) EXPECT_OK(status);
}

TEST_F(Weakness, W23_SecondOperationOnAVolumeIsAborted) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(HeldCall held, HeldCall::Begin(node().driver().pid(),
                                                      {.name = "renameat2",
                                                       .number = SYS_renameat2,
                                                       .threads = "p-",
                                                       .trace = node().directory() + "/trace"}));
  absl::StatusOr<std::string> created;
  std::thread creator([&] { created = node().CreateVolume("volume"); });
  EXPECT_OK(held.AwaitHeld());
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(node().CreateVolume("volume"), StatusIs(StatusCode::kAborted));
  }
  held.Release();
  creator.join();
  ASSERT_OK(created);
  EXPECT_THAT(node().CreateVolume("volume"), IsOkAndHolds(*created));
}

}  // namespace
}  // namespace nodevol::testing

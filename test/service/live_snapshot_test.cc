// SPDX-License-Identifier: Apache-2.0
//
// A snapshot of a volume with 1 GiB in it, published and being written to: it holds all that was
// durable when it was asked for, and other volumes go on meanwhile.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "test/service/live_writer.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/held_call.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

constexpr int kMebibytes = 1024;

std::string Mebibyte(int number) {
  std::string content(static_cast<size_t>(kMiB), static_cast<char>(number % 251));
  const std::string label = absl::StrFormat("%08d", number);
  content.replace(0, label.size(), label);
  return content;
}

absl::Status WriteData(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  for (int i = 0; i < kMebibytes; ++i) {
    if (::write(file.get(), Mebibyte(i).data(), kMiB) != kMiB) return ErrnoStatus(errno, "write");
  }
  return host::Sync(file.get());
}

absl::Status CheckData(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd file, host::OpenPath(path, O_RDONLY));
  std::string content(static_cast<size_t>(kMiB), '\0');
  for (int i = 0; i < kMebibytes; ++i) {
    if (::read(file.get(), content.data(), kMiB) != kMiB || content != Mebibyte(i)) {
      return absl::DataLossError(absl::StrCat("mebibyte ", i, " is not what was written"));
    }
  }
  return absl::OkStatus();
}

std::string Summary(std::vector<double> milliseconds) {
  std::sort(milliseconds.begin(), milliseconds.end());
  return absl::StrFormat("%d times, median %.1f ms, at most %.1f ms", milliseconds.size(),
                         milliseconds[milliseconds.size() / 2], milliseconds.back());
}

Ground Sized(Ground ground, int64_t bytes) {
  ground.volume_bytes = bytes;
  return ground;
}

class LiveSnapshotTest : public GroundFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = GetParam(), .pool_bytes = 24 * kGiB}));
    ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("database"));
    database_.emplace(id, node().directory(), "database");
    ASSERT_OK(database_->Start(client()));
    ASSERT_OK_AND_ASSIGN(const std::string other, node().CreateVolume("other"));
    other_.emplace(other, node().directory(), "other");
    ASSERT_OK(other_->Start(client()));
    ASSERT_OK_AND_ASSIGN(writer_, LiveWriter::Start(database_->File("journal")));
  }

  absl::StatusOr<std::string> TakeSnapshot(const std::string& name) {
    ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot,
                     client().Snapshot(name, database_->volume_id()));
    return snapshot.snapshot_id();
  }

  // One pod of the other volume ends, another comes; with the times of their publishing.
  absl::Status Republish(std::vector<double>* milliseconds = nullptr) {
    RETURN_IF_ERROR(client().Unpublish(other_->volume_id(), other_->target()));
    const absl::Duration start = MonotonicNow();
    RETURN_IF_ERROR(client().Publish(other_->volume_id(), other_->staging(), other_->target()));
    if (milliseconds != nullptr) {
      milliseconds->push_back(absl::ToDoubleMilliseconds(MonotonicNow() - start));
    }
    return absl::OkStatus();
  }

  // Restores the snapshot and gives it to a pod.
  absl::StatusOr<Pod> Restore(const std::string& snapshot_id) {
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client().Restore("restored", snapshot_id));
    Pod pod(volume.volume_id(), node().directory(), "restored");
    RETURN_IF_ERROR(pod.Start(client()));
    return pod;
  }

  std::optional<Pod> database_;
  std::optional<Pod> other_;
  std::unique_ptr<LiveWriter> writer_;
};
// Those whose pool shares blocks; without that a volume in use has no snapshots.
INSTANTIATE_FOR_GROUNDS(LiveSnapshotTest, Sized(ImageOnXfs(), 3 * kGiB),
                        Sized(DirectoryOnBtrfs(), 3 * kGiB), Sized(ImageOnBtrfs(), 3 * kGiB));

TEST_P(LiveSnapshotTest, HoldsAllThatWasDurableBefore) {
  ASSERT_OK(WriteData(database_->File("data")));
  ASSERT_OK(writer_->Await(20));
  const int before = writer_->durable();
  const absl::Duration start = MonotonicNow();
  ASSERT_OK_AND_ASSIGN(const std::string snapshot, TakeSnapshot("snapshot"));
  const absl::Duration took = MonotonicNow() - start;
  const int after = writer_->durable();
  // It goes on being written to.
  ASSERT_OK(writer_->Await(after + 20));
  ASSERT_OK(writer_->Stop());
  ASSERT_OK_AND_ASSIGN(const Pod restored, Restore(snapshot));
  ASSERT_OK_AND_ASSIGN(const int entries, CountEntries(restored.File("journal")));
  EXPECT_GE(entries, before);
  EXPECT_LE(entries, after + 1);
  EXPECT_OK(CheckData(restored.File("data")));
  std::printf("%s: a snapshot of 1 GiB that is written to took %.1f ms; %d entries meanwhile\n",
              GetParam().name.c_str(), absl::ToDoubleMilliseconds(took), after - before);
}

TEST_P(LiveSnapshotTest, OtherVolumeIsPublishedWhileASnapshotIsTaken) {
  // The copy of extents, or of a subvolume; what makes data durable comes before it.
  ASSERT_OK_AND_ASSIGN(HeldCall held, HeldCall::Begin(node().driver().pid(),
                                                      {.name = "ioctl",
                                                       .number = SYS_ioctl,
                                                       .threads = "p-bulk",
                                                       .trace = node().directory() + "/trace"}));
  absl::StatusOr<std::string> snapshot;
  std::atomic<bool> answered = false;
  std::thread taker([&] {
    snapshot = TakeSnapshot("snapshot");
    answered = true;
  });
  EXPECT_OK(held.AwaitHeld());
  for (int i = 0; i < 5; ++i) EXPECT_OK(Republish());
  EXPECT_OK(client().Stats(other_->volume_id(), other_->target()));
  EXPECT_FALSE(answered);
  held.Release();
  taker.join();
  EXPECT_OK(snapshot);
  EXPECT_OK(writer_->Stop());
}

TEST_P(LiveSnapshotTest, LatencyOfPublishingBesideSnapshots) {
  constexpr int kSnapshots = 10;
  std::vector<double> alone;
  for (int i = 0; i < 30; ++i) ASSERT_OK(Republish(&alone));
  absl::Status taken;
  std::atomic<bool> done = false;
  std::thread taker([&] {
    for (int i = 0; i < kSnapshots && taken.ok(); ++i) {
      taken = TakeSnapshot(absl::StrCat("snapshot-", i)).status();
    }
    done = true;
  });
  std::vector<double> beside;
  absl::Status published;
  do {
    published = Republish(&beside);
  } while (!done && published.ok());
  taker.join();
  EXPECT_OK(taken);
  EXPECT_OK(published);
  EXPECT_OK(writer_->Stop());
  std::printf(
      "%s: NodePublish alone: %s\n%s: beside %d snapshots of a volume that is written to: %s\n",
      GetParam().name.c_str(), Summary(alone).c_str(), GetParam().name.c_str(), kSnapshots,
      Summary(beside).c_str());
}

}  // namespace
}  // namespace nodevol::testing

// SPDX-License-Identifier: Apache-2.0
//
// Volumes in use are frozen for a group snapshot. Whatever happens to the driver, or to the process
// that guards the freeze, they are thawed, and what was cut short leaves nothing.
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/frozen_too_long.h"
#include "test/support/held_call.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"
#include "test/support/round_writer.h"
#include "test/support/strace.h"

namespace nodevol::testing {
namespace {

using csi::v1::VolumeGroupSnapshot;
using ::testing::HasSubstr;

constexpr char kWorkers[] = "p-bulk";

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The process that guards a freeze of this driver; -1 when there is none.
pid_t GuardOf(pid_t driver) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    pid_t pid = -1;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    if (absl::StrContains(ReadAll(entry.path() / "cmdline"), "internal-freeze-guard") &&
        absl::StrContains(ReadAll(entry.path() / "status"),
                          absl::StrCat("PPid:\t", driver, "\n"))) {
      return pid;
    }
  }
  return -1;
}

// Two volumes with a filesystem, used by a pod each, written to in turn.
class FreezeTest : public GroundFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = GetParam()}));
    std::vector<UniqueFd> files;
    for (const std::string name : {"first", "second"}) {
      ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume(name));
      pods_.emplace_back(id, node().directory(), name);
      ASSERT_OK(pods_.back().Start(client()));
      UniqueFd file(
          ::open(pods_.back().File("number").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      ASSERT_TRUE(file.valid());
      files.push_back(std::move(file));
    }
    writer_.emplace(std::move(files));
    ASSERT_OK(writer_->Await(2));
  }
  void TearDown() override {
    if (group_.joinable()) group_.join();
    if (writer_.has_value()) {
      EXPECT_OK(writer_->Stop());
    }
    writer_.reset();
    GroundFixture::TearDown();
  }

  [[nodiscard]] std::vector<std::string> VolumeIds() const {
    return {pods_[0].volume_id(), pods_[1].volume_id()};
  }
  [[nodiscard]] std::string TracePath() const { return node().directory() + "/trace"; }

  [[nodiscard]] static unsigned long CopyRequest() {
    return GetParam().pool_filesystem == host::FilesystemType::kBtrfs ? BTRFS_IOC_SNAP_CREATE_V2
                                                                      : FICLONE;
  }
  absl::StatusOr<VolumeGroupSnapshot> TakeGroup(const std::string& name) {
    absl::StatusOr<VolumeGroupSnapshot> group;
    do {
      group = client().SnapshotGroup(name, VolumeIds());
    } while (WasFrozenTooLong(group.status()));
    return group;
  }
  // Which of a worker's ioctls is that which copies the first volume.
  absl::StatusOr<int> FindCopy() {
    ASSIGN_OR_RETURN(Strace strace, Strace::Attach(node().driver().pid(), {.trace = "ioctl",
                                                                           .inject = "",
                                                                           .output = TracePath(),
                                                                           .threads = kWorkers}));
    ASSIGN_OR_RETURN(const VolumeGroupSnapshot group, TakeGroup("probe"));
    const std::string trace = strace.Finish(/*process_is_ending=*/false);
    RETURN_IF_ERROR(client().DeleteGroup(group));
    std::map<std::string, int> calls;  // by thread
    for (const absl::string_view line : absl::StrSplit(trace, '\n')) {
      if (!absl::StrContains(line, "ioctl(")) continue;
      const int call = ++calls[std::string(line.substr(0, line.find(' ')))];
      if (absl::StrContains(line, "FICLONE") || absl::StrContains(line, "SNAP_CREATE")) return call;
    }
    return absl::NotFoundError(absl::StrCat("nothing was copied:\n", trace));
  }

  // Asks for a group, and holds the driver in the middle of the freeze.
  void BeginAndHold() {
    ASSERT_OK_AND_ASSIGN(const int copy, FindCopy());
    absl::Status is_held;
    do {
      ASSERT_NO_FATAL_FAILURE(BeginAndHoldAt(copy));
      is_held = held_->AwaitHeld();
      if (is_held.ok()) return;
      held_->Release();
    } while (WasFrozenTooLong(AwaitAnswer().status()));
    FAIL() << is_held;
  }
  void BeginAndHoldAt(int copy) {
    ASSERT_OK_AND_ASSIGN(HeldCall held,
                         HeldCall::Begin(node().driver().pid(), {.name = "ioctl",
                                                                 .number = SYS_ioctl,
                                                                 .when = copy,
                                                                 .second_argument = CopyRequest(),
                                                                 .threads = kWorkers,
                                                                 .trace = TracePath()}));
    held_.emplace(std::move(held));
    group_ = std::thread(
        [this, volumes = VolumeIds()] { answer_ = client().SnapshotGroup("group", volumes); });
  }
  void KillDriver() {
    ASSERT_EQ(::kill(node().driver().pid(), SIGKILL), 0);
    held_->ReleaseDying();
    node().driver().Wait();
  }
  absl::StatusOr<VolumeGroupSnapshot> AwaitAnswer() {
    group_.join();
    return std::move(answer_);
  }

  // A second freeze is refused. One that is not is taken back.
  [[nodiscard]] static bool IsFrozen(const Pod& pod) {
    const absl::StatusOr<UniqueFd> root = host::OpenPath(pod.staging(), O_RDONLY | O_DIRECTORY);
    EXPECT_OK(root);
    if (!root.ok()) return false;
    const absl::Status frozen = host::Freeze(root->get());
    if (!frozen.ok()) return ErrnoOf(frozen) == EBUSY;
    EXPECT_OK(host::Thaw(root->get()));
    return false;
  }
  [[nodiscard]] bool AllFrozen() const { return IsFrozen(pods_[0]) && IsFrozen(pods_[1]); }

  [[nodiscard]] absl::Status CheckNothingLeft() const {
    for (const char* directory : {"/groups", "/snapshots", "/.nodevol/staging"}) {
      RETURN_IF_ERROR(CheckEmpty(node().disk().path() + directory));
    }
    return absl::OkStatus();
  }

  // The driver serves groups, and the number in each copy is of the same instant.
  void ExpectGroupWorks() {
    ASSERT_OK_AND_ASSIGN(const VolumeGroupSnapshot group, TakeGroup("group"));
    ExpectOneInstant(group);
  }
  void ExpectOneInstant(const VolumeGroupSnapshot& group) {
    std::vector<int64_t> numbers;
    for (const Pod& source : pods_) {
      for (const auto& snapshot : group.snapshots()) {
        if (snapshot.source_volume_id() != source.volume_id()) continue;
        const std::string name = absl::StrCat("restored-", numbers.size());
        ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored,
                             client().Restore(name, snapshot.snapshot_id()));
        const Pod pod(restored.volume_id(), node().directory(), name);
        ASSERT_OK(pod.Start(client()));
        ASSERT_OK_AND_ASSIGN(const int64_t number, RoundWriter::NumberIn(pod.File("number")));
        numbers.push_back(number);
      }
    }
    ASSERT_EQ(numbers.size(), pods_.size());
    EXPECT_TRUE(RoundWriter::OfOneInstant(numbers)) << ::testing::PrintToString(numbers);
  }

  std::vector<Pod> pods_;
  std::optional<RoundWriter> writer_;
  std::optional<HeldCall> held_;
  std::thread group_;
  absl::StatusOr<VolumeGroupSnapshot> answer_;  // the thread's, until it is joined
};

INSTANTIATE_FOR_GROUNDS(FreezeTest, ImageOnXfs(), ImageOnBtrfs());

TEST_P(FreezeTest, AllAreFrozenWhileTheyAreCopied) {
  // Where it takes too long until the driver is let go the limit passes: that is another test's.
  absl::StatusOr<VolumeGroupSnapshot> group;
  do {
    ASSERT_NO_FATAL_FAILURE(BeginAndHold());
    const int64_t before = writer_->written();
    // Frozen, or else one copy will be a good deal older than the other.
    while (!AllFrozen() && writer_->written() < before + 3) {
    }
    held_->Release();
    group = AwaitAnswer();
    ASSERT_OK(writer_->Await(2));
  } while (absl::IsUnavailable(group.status()));
  ASSERT_OK(group);
  ExpectOneInstant(*group);
}

TEST_P(FreezeTest, DriverThatIsKilledLeavesNothingFrozen) {
  ASSERT_NO_FATAL_FAILURE(BeginAndHold());
  KillDriver();
  EXPECT_OK(writer_->Await(2));
  EXPECT_THAT(AwaitAnswer(), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(node().Start());
  EXPECT_OK(CheckNothingLeft());
  ExpectGroupWorks();
}

TEST_P(FreezeTest, DriverThawsWithoutTheGuard) {
  ASSERT_NO_FATAL_FAILURE(BeginAndHold());
  const pid_t guard = GuardOf(node().driver().pid());
  ASSERT_GT(guard, 0);
  ASSERT_EQ(::kill(guard, SIGKILL), 0);
  held_->Release();
  const absl::StatusOr<VolumeGroupSnapshot> group = AwaitAnswer();
  // The limit may have passed meanwhile.
  EXPECT_TRUE(group.ok() || absl::IsUnavailable(group.status())) << group.status();
  EXPECT_OK(writer_->Await(2));
  ExpectGroupWorks();
}

TEST_P(FreezeTest, DriverThatStandsStillLeavesNothingFrozenAndFailsTheGroup) {
  ASSERT_NO_FATAL_FAILURE(BeginAndHold());
  const pid_t driver = node().driver().pid();
  ASSERT_EQ(::kill(driver, SIGSTOP), 0);
  EXPECT_OK(writer_->Await(2));
  ASSERT_EQ(::kill(driver, SIGCONT), 0);
  held_->Release();
  EXPECT_THAT(AwaitAnswer(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("frozen for at most 2s")));
  EXPECT_OK(CheckNothingLeft());
  EXPECT_LT(GuardOf(driver), 0);
  ExpectGroupWorks();
}

TEST_P(FreezeTest, StartThawsWhatDriverAndGuardLeftWhenBothWereKilled) {
  ASSERT_NO_FATAL_FAILURE(BeginAndHold());
  const pid_t guard = GuardOf(node().driver().pid());
  ASSERT_GT(guard, 0);
  ASSERT_EQ(::kill(guard, SIGKILL), 0);
  KillDriver();
  EXPECT_TRUE(AllFrozen());
  const int64_t before = writer_->written();
  AwaitAnswer().IgnoreError();
  ASSERT_OK(node().Start());
  EXPECT_OK(writer_->Await(2));
  EXPECT_GE(writer_->written(), before + 2);
  EXPECT_OK(CheckNothingLeft());
  ExpectGroupWorks();
}

}  // namespace
}  // namespace nodevol::testing

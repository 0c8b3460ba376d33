// SPDX-License-Identifier: Apache-2.0
#include "host/filesystem.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <optional>
#include <string>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "host/file.h"
#include "host/mount.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::TestFilesystem;

constexpr char kUuid[] = "12345678-9abc-4def-8012-3456789abcde";
constexpr char kUuidHex[] = "123456789abc4def80123456789abcde";

std::vector<std::string> WithUuid(FilesystemType type) {
  if (type == FilesystemType::kXfs) return {"-m", absl::StrCat("uuid=", kUuid)};
  return {"-U", kUuid};
}

class FilesystemTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(
        TestFilesystem made,
        TestFilesystem::Create({.type = GetParam(), .mkfs_options = WithUuid(GetParam())}));
    filesystem_.emplace(std::move(made));
    ASSERT_OK_AND_ASSIGN(root_, OpenPath(filesystem_->path(), O_RDONLY | O_DIRECTORY));
  }

  // Waits until thread `id` sleeps where no signal wakes it, as a writer to a frozen filesystem
  // does, or until `done`. Returns false for the latter.
  static bool AwaitBlocked(pid_t id, const absl::Notification& done) {
    const std::string directory = absl::StrCat("/proc/self/task/", id);
    while (!done.HasBeenNotified()) {
      const auto task = OpenPath(directory, O_RDONLY | O_DIRECTORY);
      if (!task.ok()) continue;
      const auto stat = ReadFile(task->get(), "stat", 4096);
      if (stat.ok() && stat->find(") D ") != std::string::npos) return true;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return false;
  }

  std::optional<TestFilesystem> filesystem_;
  UniqueFd root_;
};

INSTANTIATE_TEST_SUITE_P(All, FilesystemTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         [](const auto& type) { return std::string(FilesystemName(type.param)); });

TEST_P(FilesystemTest, IsIdentified) {
  EXPECT_THAT(IdentifyFilesystem(root_.get()), IsOkAndHolds(GetParam()));
}

TEST_P(FilesystemTest, UuidIsThatOfMkfsAndSurvivesARemount) {
  EXPECT_THAT(FilesystemUuid(root_.get()), IsOkAndHolds(kUuidHex));
  root_.reset();
  ASSERT_OK(filesystem_->Remount());
  ASSERT_OK_AND_ASSIGN(root_, OpenPath(filesystem_->path(), O_RDONLY | O_DIRECTORY));
  EXPECT_THAT(FilesystemUuid(root_.get()), IsOkAndHolds(kUuidHex));
}

TEST_P(FilesystemTest, ReflinkIsFoundByTryingAndLeavesNothing) {
  EXPECT_THAT(SupportsReflink(root_.get()), IsOkAndHolds(GetParam() != FilesystemType::kExt4));
  ASSERT_OK_AND_ASSIGN(const auto names, ListDirectory(root_.get()));
  for (const std::string& name : names) EXPECT_EQ(name, "lost+found");
}

TEST_P(FilesystemTest, UsageCountsWhatIsWritten) {
  ASSERT_OK_AND_ASSIGN(const FilesystemUsage before, UsageOf(root_.get()));
  EXPECT_GT(before.total_bytes, kGiB);
  EXPECT_LE(before.total_bytes, 2 * kGiB);
  EXPECT_LE(before.free_bytes, before.total_bytes);
  EXPECT_LE(before.available_bytes, before.free_bytes);
  EXPECT_FALSE(before.read_only);
  EXPECT_EQ(before.total_inodes > 0, GetParam() != FilesystemType::kBtrfs);
  ASSERT_OK(WriteNewFile(root_.get(), "file", std::string(size_t{32} * kMiB, 'x'), 0600));
  ASSERT_OK(SyncFilesystem(root_.get()));
  ASSERT_OK_AND_ASSIGN(const FilesystemUsage after, UsageOf(root_.get()));
  EXPECT_EQ(after.total_bytes, before.total_bytes);
  EXPECT_LE(after.free_bytes, before.free_bytes - 31 * kMiB);
}

TEST_P(FilesystemTest, UsageTellsAReadOnlyMount) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd tree, CloneTree(root_.get()));
  ASSERT_OK(SetMountAttributes(tree.get(), {.read_only = true}));
  ASSERT_OK_AND_ASSIGN(const FilesystemUsage clone, UsageOf(tree.get()));
  EXPECT_TRUE(clone.read_only);
  ASSERT_OK_AND_ASSIGN(const FilesystemUsage source, UsageOf(root_.get()));
  EXPECT_FALSE(source.read_only);
}

TEST_P(FilesystemTest, ThawOfWhatIsNotFrozenIsOk) {
  EXPECT_OK(Thaw(root_.get()));
  EXPECT_OK(Thaw(root_.get()));
}

TEST_P(FilesystemTest, SecondFreezeIsBusyAndOneThawIsEnough) {
  ASSERT_OK(Freeze(root_.get()));
  const absl::Cleanup thaw = [this] { EXPECT_OK(Thaw(root_.get())); };
  EXPECT_THAT(Freeze(root_.get()), ErrnoIs(EBUSY));
  ASSERT_OK(Thaw(root_.get()));
  EXPECT_OK(WriteNewFile(root_.get(), "file", "x", 0600));
}

TEST_P(FilesystemTest, WriteWaitsUntilTheThaw) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd file,
                       OpenBeneath(root_.get(), "file", O_WRONLY | O_CREAT, 0600));
  ASSERT_OK(Freeze(root_.get()));
  absl::Notification started;
  absl::Notification written;
  std::atomic<pid_t> id = 0;
  ssize_t put = 0;
  std::thread writer([&] {
    id = static_cast<pid_t>(::syscall(SYS_gettid));
    started.Notify();
    put = ::write(file.get(), "x", 1);
    written.Notify();
  });
  started.WaitForNotification();
  EXPECT_TRUE(AwaitBlocked(id, written)) << "the write went through";
  EXPECT_OK(Thaw(root_.get()));
  writer.join();
  EXPECT_EQ(put, 1);
}

TEST(FilesystemUuidTest, FilesystemWithoutOneSaysSo) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd proc, OpenPath("/proc", O_RDONLY | O_DIRECTORY));
  EXPECT_THAT(FilesystemUuid(proc.get()),
              nodevol::testing::StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(IdentifyFilesystem(proc.get()), IsOkAndHolds(FilesystemType::kOther));
}

}  // namespace
}  // namespace nodevol::host

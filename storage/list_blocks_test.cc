// SPDX-License-Identifier: Apache-2.0
//
// Lists of blocks: what is refused, and what happens to the snapshots meanwhile. That the lists are
// true is shown in random_blocks_test.cc.
#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "host/file_data.h"
#include "storage/block_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kBlock = kBlockAlignment;

TestKind Raw(FilesystemType pool) {
  return {.name = "raw", .pool = pool, .backend = "image", .fs_type = "", .block = true};
}

// A raw volume with the snapshots "base" and "target", on each filesystem.
class ListBlocksTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({GetParam(), GetParam()}));
    v1::VolumeRequest request = RequestFor(Raw(GetParam()), "volume");
    (*request.mutable_parameters())["pool"] = "pool-0";
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(request));
    WriteBlocks({0, 1, 2, 100});
    ASSERT_OK_AND_ASSIGN(base_, node_->Snapshot("base", volume_));
    WriteBlocks({1, 50, 51});
    ASSERT_OK_AND_ASSIGN(target_, node_->Snapshot("target", volume_));
  }

  void WriteBlocks(const std::vector<int64_t>& blocks) {
    ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(*node_, volume_));
    {
      ASSERT_OK_AND_ASSIGN(const UniqueFd device, host::OpenPath(used.path(), O_RDWR));
      const std::string content(static_cast<size_t>(kBlock), static_cast<char>('a' + writes_++));
      for (const int64_t block : blocks) {
        ASSERT_EQ(::pwrite(device.get(), content.data(), content.size(), block * kBlock), kBlock);
      }
      ASSERT_OK(host::Sync(device.get()));
    }
    ASSERT_OK(used.Release());
  }

  static constexpr BlockRange Blocks(int64_t first, int64_t count) {
    return {.offset = first * kBlock, .length = count * kBlock};
  }
  [[nodiscard]] static std::vector<BlockRange> Allocated() {
    return {Blocks(0, 3), Blocks(50, 2), Blocks(100, 1)};
  }
  [[nodiscard]] static std::vector<BlockRange> Changed() { return {Blocks(1, 1), Blocks(50, 2)}; }
  [[nodiscard]] bool SharesBlocks() const { return GetParam() != FilesystemType::kExt4; }

  [[nodiscard]] BlockQuery Query() const {
    return {.target = target_, .base = SharesBlocks() ? base_ : nullptr, .offset = 0, .limit = 100};
  }
  [[nodiscard]] std::vector<BlockRange> Expected() const {
    return SharesBlocks() ? Changed() : Allocated();
  }
  // Lists, and does something when the images are open and nothing of them is read.
  absl::StatusOr<BlockPage> ListWhile(const std::function<void()>& meanwhile) {
    std::atomic<bool> done = false;
    return ListPage(*node_, Query(), {[&] {
      if (!done.exchange(true)) meanwhile();
      return false;
    }});
  }

  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
  SnapshotPtr base_;
  SnapshotPtr target_;
  int writes_ = 0;
};

INSTANTIATE_TEST_SUITE_P(All, ListBlocksTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         PoolFilesystemName);

TEST_P(ListBlocksTest, AllocatedIsExact) {
  EXPECT_EQ(ListAll(*node_, nullptr, target_), Allocated());
  EXPECT_THAT(ListAll(*node_, nullptr, base_), ElementsAre(Blocks(0, 3), Blocks(100, 1)));
}

TEST_P(ListBlocksTest, ChangedIsExactWhereFilesShareBlocks) {
  if (SharesBlocks()) {
    EXPECT_EQ(ListAll(*node_, base_, target_), Changed());
    return;
  }
  EXPECT_THAT(ListPage(*node_, {.target = target_, .base = base_, .offset = 0, .limit = 1}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("pool-0"), HasSubstr("ext4"), HasSubstr("full backup"),
                             HasSubstr("xfs (with reflink) or btrfs"))));
}

TEST_P(ListBlocksTest, DeletedVolumeLeavesTheListsAsTheyAre) {
  ASSERT_OK(node_->Delete(volume_));
  ASSERT_TRUE(node_->TrashEmpties());
  EXPECT_EQ(ListAll(*node_, nullptr, target_), Allocated());
  if (SharesBlocks()) {
    EXPECT_EQ(ListAll(*node_, base_, target_), Changed());
  }
}

TEST_P(ListBlocksTest, ListsAreTheSameAfterARestart) {
  ASSERT_OK(node_->Reopen());
  EXPECT_EQ(ListAll(*node_, nullptr, target_), Allocated());
  if (SharesBlocks()) {
    EXPECT_EQ(ListAll(*node_, base_, target_), Changed());
  }
}

TEST_P(ListBlocksTest, DeletedSnapshotIsNotFound) {
  ASSERT_OK(node_->DeleteSnapshot(base_));
  EXPECT_THAT(ListPage(*node_, {.target = base_, .base = nullptr}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(base_->id())));
  EXPECT_EQ(ListAll(*node_, nullptr, target_), Allocated());
  if (!SharesBlocks()) return;
  EXPECT_THAT(ListPage(*node_, {.target = target_, .base = base_}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(base_->id())));
}

TEST_P(ListBlocksTest, SnapshotOfTheSameNameIsAnother) {
  for (const SnapshotPtr& old : {Query().target, Query().base}) {
    if (old == nullptr) continue;
    ASSERT_OK(node_->DeleteSnapshot(old));
    ASSERT_OK_AND_ASSIGN(const SnapshotPtr now, node_->Snapshot(old->request().name(), volume_));
    ASSERT_EQ(now->id(), old->id());
    EXPECT_THAT(ListPage(*node_, Query()),
                StatusIs(absl::StatusCode::kNotFound,
                         AllOf(HasSubstr(old->id()), HasSubstr("begin anew"))));
    (old == base_ ? base_ : target_) = now;
    EXPECT_OK(ListPage(*node_, Query()));
  }
}

TEST_P(ListBlocksTest, PageThatIsBeingReadSurvivesTheDeleteOfItsSnapshots) {
  ASSERT_OK_AND_ASSIGN(const BlockPage page, ListWhile([this] {
                         EXPECT_OK(node_->DeleteSnapshot(base_));
                         EXPECT_OK(node_->DeleteSnapshot(target_));
                         EXPECT_TRUE(node_->TrashEmpties());
                         // What else could take their blocks.
                         WriteBlocks({0, 1, 2, 3, 4, 5, 50, 51, 52, 100});
                       }));
  EXPECT_EQ(page.ranges, Expected());
  EXPECT_THAT(ListPage(*node_, Query()), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ListBlocksTest, SnapshotIsRestoredWhileItIsRead) {
  ASSERT_OK_AND_ASSIGN(
      const BlockPage page, ListWhile([this] {
        EXPECT_OK(node_->Create(RequestForCopy(Raw(GetParam()), "restored", target_)));
      }));
  EXPECT_EQ(page.ranges, Expected());
}

TEST_P(ListBlocksTest, AbandonedIsCancelled) {
  EXPECT_THAT(ListPage(*node_, Query(), {[] { return true; }}),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(ListBlocksTest, SnapshotsInDifferentPoolsAreNotCompared) {
  v1::VolumeRequest request = RequestFor(Raw(GetParam()), "elsewhere");
  (*request.mutable_parameters())["pool"] = "pool-1";
  ASSERT_OK_AND_ASSIGN(const VolumePtr elsewhere, node_->Create(request));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr other, node_->Snapshot("other", elsewhere));
  EXPECT_THAT(ListPage(*node_, {.target = target_, .base = other}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("in different pools")));
}

TEST_P(ListBlocksTest, PoolThatIsGoneIsUnavailable) {
  ASSERT_OK(node_->disk().Unmount());
  EXPECT_THAT(ListPage(*node_, Query()), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(ListBlocksOfDirectoryTest, IsRefusedWithTheReason) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({FilesystemType::kBtrfs}));
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node->Create(RequestFor(DirectoryOnBtrfs(), "v")));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr base, node->Snapshot("base", volume));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr target, node->Snapshot("target", volume));
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr("directory"), HasSubstr("backend image")));
  EXPECT_THAT(ListPage(*node, {.target = target, .base = nullptr}), refused);
  EXPECT_THAT(ListPage(*node, {.target = target, .base = base}), refused);
}

// Moves all data of a btrfs, again and again.
class Balance {
 public:
  explicit Balance(const std::string& filesystem)
      : root_(host::OpenPath(filesystem, O_RDONLY | O_DIRECTORY).value()), thread_([this] {
          while (!stop_) {
            btrfs_ioctl_balance_args all = {};
            all.flags = BTRFS_BALANCE_DATA;
            EXPECT_EQ(::ioctl(root_.get(), BTRFS_IOC_BALANCE_V2, &all), 0) << errno;
            ++runs_;
          }
        }) {}
  ~Balance() {
    stop_ = true;
    thread_.join();
  }
  Balance(const Balance&) = delete;
  Balance& operator=(const Balance&) = delete;

  [[nodiscard]] int runs() const { return runs_; }

 private:
  const UniqueFd root_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> runs_ = 0;
  std::thread thread_;
};

TEST(MovedBlocksOnBtrfsTest, NothingIsMissedWhileTheFilesystemMovesItsBlocks) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({FilesystemType::kBtrfs}));
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume,
                       node->Create(RequestFor(Raw(FilesystemType::kBtrfs), "volume")));
  RandomChanges changes;
  BlockSet ignored;
  std::vector<SnapshotPtr> snapshots;
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(*node, volume));
    {
      ASSERT_OK_AND_ASSIGN(const UniqueFd device, host::OpenPath(used.path(), O_RDWR));
      ASSERT_NO_FATAL_FAILURE(changes.ChangeDevice(device.get(), 300, ignored));
    }
    ASSERT_OK(used.Release());
    ASSERT_OK_AND_ASSIGN(SnapshotPtr snapshot, node->Snapshot(absl::StrCat("s", i), volume));
    snapshots.push_back(std::move(snapshot));
  }
  const std::vector<BlockRange> at_rest = ListAll(*node, snapshots[0], snapshots[1]);
  const BlockSet different = DifferentBlocks(*node, snapshots[0], snapshots[1]);
  {
    const Balance balance(node->disk().path());
    do {
      ASSERT_EQ(Missed(ListAll(*node, snapshots[0], snapshots[1]), different), 0);
    } while (balance.runs() < 3);
  }
  EXPECT_EQ(ListAll(*node, snapshots[0], snapshots[1]), at_rest) << "moved together";
}

}  // namespace
}  // namespace nodevol::storage

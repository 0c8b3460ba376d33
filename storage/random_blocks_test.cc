// SPDX-License-Identifier: Apache-2.0
//
// Lists of blocks against the bytes: whatever is done to a volume, no block that differs is missed.
// Longer: --gtest_filter='*RandomBlocks*' --gtest_repeat=N.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "host/file.h"
#include "storage/block_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;

struct BlockKind {
  TestKind kind;
  bool thick = false;
};

void PrintTo(const BlockKind& kind, std::ostream* out) { PrintTo(kind.kind, out); }

TestKind Kind(const std::string& name, FilesystemType pool, const std::string& fs_type) {
  return {.name = name,
          .pool = pool,
          .backend = "image",
          .fs_type = fs_type,
          .block = fs_type.empty(),
          .bytes = fs_type == "xfs" ? 300 * kMiB : 64 * kMiB};
}

class RandomBlocksTest : public ::testing::TestWithParam<BlockKind> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({GetParam().kind.pool}, 4 * kGiB));
    v1::VolumeRequest request = RequestFor(GetParam().kind, "volume");
    if (GetParam().thick) (*request.mutable_parameters())["provisioning"] = "thick";
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(request));
    Stage();
  }
  void TearDown() override { used_.reset(); }

  [[nodiscard]] bool IsRaw() const { return GetParam().kind.block; }

  void Stage() {
    ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(*node_, volume_));
    used_.emplace(std::move(used));
  }

  // Changes the volume in use.
  void Change(int count) {
    touched_.emplace_back();
    if (!IsRaw()) {
      changes_.ChangeFiles(used_->path(), count);
      return;
    }
    ASSERT_OK_AND_ASSIGN(const UniqueFd device, host::OpenPath(used_->path(), O_RDWR));
    changes_.ChangeDevice(device.get(), count, touched_.back());
  }

  // A raw device is grown while it is in use; so is what is in it when it is staged anew.
  void Grow() {
    if (!IsRaw()) {
      ASSERT_OK(used_->Release());
    }
    ASSERT_OK_AND_ASSIGN(const ExpandedVolume grown,
                         node_->Expand(volume_, volume_->size_bytes() + 20 * kMiB));
    volume_ = grown.volume;
    if (!IsRaw()) return Stage();
    ASSERT_OK(node_->OnVolume(volume_, [this](LocalVolume& local) -> absl::Status {
      ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(used_->path(), O_PATH));
      return local.backend().GrowInUse(local.object.get(), *local.record, device.get());
    }));
  }

  void Snapshot() {
    ASSERT_OK_AND_ASSIGN(SnapshotPtr snapshot,
                         node_->Snapshot(absl::StrCat("s", snapshots_.size()), volume_));
    snapshots_.push_back(std::move(snapshot));
  }

  // The list is the same in whatever pages, and from wherever it begins.
  void ExpectPagesAgree(const SnapshotPtr& base, const SnapshotPtr& target,
                        const std::vector<BlockRange>& whole) {
    EXPECT_EQ(ListAll(*node_, base, target, 0, 1), whole);
    std::vector<int64_t> offsets = {1, kBlockAlignment, target->size_bytes() - 1,
                                    target->size_bytes()};
    for (int i = 0; i < 8; ++i) offsets.push_back(changes_.Below(target->size_bytes()));
    for (int i = 0; i < 4 && !whole.empty(); ++i) {
      const auto count = static_cast<int64_t>(whole.size());
      const BlockRange& range = whole[static_cast<size_t>(changes_.Below(count))];
      for (const int64_t edge : {range.offset, range.end()}) {
        for (const int64_t offset : {edge - 1, edge, edge + 1, edge + kBlockAlignment}) {
          if (offset >= 0 && offset <= target->size_bytes()) offsets.push_back(offset);
        }
      }
    }
    for (const int64_t offset : offsets) {
      const auto limit = static_cast<size_t>(1 + changes_.Below(9));
      EXPECT_EQ(ListAll(*node_, base, target, offset, limit),
                offset == target->size_bytes() ? std::vector<BlockRange>() : From(whole, offset))
          << "from " << offset << " by " << limit;
    }
  }

  void CheckAllocated(size_t index) {
    SCOPED_TRACE(absl::StrCat("allocated in ", index));
    const SnapshotPtr& target = snapshots_[index];
    const std::vector<BlockRange> whole = ListAll(*node_, nullptr, target);
    EXPECT_EQ(Missed(whole, NonZeroBlocks(*node_, target)), 0);
    BlockSet touched;
    for (size_t i = 0; i <= index; ++i) touched = Union(touched, touched_[i]);
    if (IsRaw()) {
      EXPECT_EQ(Surplus(whole, touched), 0);
    }
    ExpectPagesAgree(nullptr, target, whole);
  }

  void CheckChanged(size_t older, size_t newer) {
    SCOPED_TRACE(absl::StrCat("changed from ", older, " to ", newer));
    const SnapshotPtr& base = snapshots_[older];
    const SnapshotPtr& target = snapshots_[newer];
    const std::vector<BlockRange> whole = ListAll(*node_, base, target);
    const BlockSet different = DifferentBlocks(*node_, base, target);
    EXPECT_EQ(Missed(whole, different), 0)
        << "of " << std::count(different.begin(), different.end(), true);
    // What has grown is all told.
    BlockSet touched(static_cast<size_t>(target->size_bytes() / kBlockAlignment));
    std::fill(touched.begin() + base->size_bytes() / kBlockAlignment, touched.end(), true);
    EXPECT_EQ(Missed(whole, touched), 0);
    for (size_t i = older + 1; i <= newer; ++i) touched = Union(touched, touched_[i]);
    if (IsRaw()) {
      EXPECT_EQ(Surplus(whole, touched), 0);
    }
    ExpectPagesAgree(base, target, whole);
  }

  RandomChanges changes_;
  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
  std::optional<UsedVolume> used_;
  std::vector<SnapshotPtr> snapshots_;
  std::vector<BlockSet> touched_;  // before each snapshot
};

INSTANTIATE_TEST_SUITE_P(
    Kinds, RandomBlocksTest,
    ::testing::Values(BlockKind{Kind("RawOnXfs", FilesystemType::kXfs, "")},
                      BlockKind{Kind("RawOnBtrfs", FilesystemType::kBtrfs, "")},
                      BlockKind{Kind("ThickRawOnXfs", FilesystemType::kXfs, ""), true},
                      BlockKind{Kind("ThickRawOnBtrfs", FilesystemType::kBtrfs, ""), true},
                      BlockKind{Kind("Ext4OnXfs", FilesystemType::kXfs, "ext4")},
                      BlockKind{Kind("Ext4OnBtrfs", FilesystemType::kBtrfs, "ext4")},
                      BlockKind{Kind("ThickExt4OnBtrfs", FilesystemType::kBtrfs, "ext4"), true},
                      BlockKind{Kind("XfsOnXfs", FilesystemType::kXfs, "xfs")},
                      BlockKind{Kind("XfsOnBtrfs", FilesystemType::kBtrfs, "xfs")}),
    [](const auto& kind) { return kind.param.kind.name; });

TEST_P(RandomBlocksTest, NothingThatDiffersIsMissed) {
  constexpr int kChanges = 60;
  const int snapshots = IsRaw() ? 4 : 3;  // all bytes of all of them are read
  for (int i = 0; i < snapshots; ++i) {
    ASSERT_NO_FATAL_FAILURE(Change(kChanges));
    ASSERT_NO_FATAL_FAILURE(Snapshot());
    if (i == 1) {
      ASSERT_NO_FATAL_FAILURE(Grow());
    }
  }
  ASSERT_NO_FATAL_FAILURE(Change(kChanges));  // the live volume goes on
  for (size_t newer = 0; newer < snapshots_.size(); ++newer) {
    ASSERT_NO_FATAL_FAILURE(CheckAllocated(newer));
    for (size_t older = 0; older < newer; ++older) {
      ASSERT_NO_FATAL_FAILURE(CheckChanged(older, newer));
    }
  }
}

TEST_P(RandomBlocksTest, NothingIsMissedWhileThePodWrites) {
  std::atomic<bool> stop = false;
  std::atomic<int> rounds = 0;
  std::thread pod([&] {
    RandomChanges changes;
    BlockSet touched;
    while (!stop) {
      if (IsRaw()) {
        const absl::StatusOr<UniqueFd> device = host::OpenPath(used_->path(), O_RDWR);
        EXPECT_OK(device);
        if (device.ok()) changes.ChangeDevice(device->get(), 20, touched);
      } else {
        changes.ChangeFiles(used_->path(), 20);
      }
      ++rounds;
    }
  });
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(Eventually([&] { return rounds >= 2 * i; }));
    Snapshot();
  }
  for (size_t newer = 1; newer < snapshots_.size(); ++newer) {
    const SnapshotPtr& base = snapshots_[newer - 1];
    const SnapshotPtr& target = snapshots_[newer];
    EXPECT_EQ(Missed(ListAll(*node_, nullptr, target), NonZeroBlocks(*node_, target)), 0);
    const BlockSet different = DifferentBlocks(*node_, base, target);
    EXPECT_NE(std::count(different.begin(), different.end(), true), 0);
    EXPECT_EQ(Missed(ListAll(*node_, base, target), different), 0);
  }
  stop = true;
  pod.join();
}

}  // namespace
}  // namespace nodevol::storage

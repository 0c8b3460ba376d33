// SPDX-License-Identifier: Apache-2.0
//
// No volume takes more than its size, and its neighbours do not notice that it tries.
#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class SizeLimitTest : public KindTest {
 protected:
  void SetUp() override {
    MakeNode(2 * kGiB);
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "a")));
    ASSERT_OK_AND_ASSIGN(neighbour_, node().Create(RequestFor(kind(), "b")));
    ASSERT_OK(WriteContent(node(), neighbour_, "content"));
  }

  // Fills the volume; answers how much it took.
  int64_t Fill(const VolumePtr& volume) {
    const auto used = UsedVolume::Stage(node(), volume);
    EXPECT_OK(used);
    int error = 0;
    const int64_t taken = used->Fill("big", 2 * volume->size_bytes(), error);
    EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT));
    return taken;
  }

  VolumePtr volume_;
  VolumePtr neighbour_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, SizeLimitTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(SizeLimitTest, FullVolumeTookNoMoreThanItsSize) {
  const int64_t taken = Fill(volume_);
  EXPECT_LE(taken, volume_->size_bytes());
  EXPECT_GT(taken, volume_->size_bytes() / 3);
}

TEST_P(SizeLimitTest, NeighboursGoOn) {
  Fill(volume_);
  EXPECT_THAT(ReadContent(node(), neighbour_), IsOkAndHolds("content"));
  EXPECT_OK(WriteContent(node(), neighbour_, "more"));
  EXPECT_OK(node().Create(RequestFor(kind(), "c")));
  EXPECT_OK(node().storage().CheckReady());
}

TEST_P(SizeLimitTest, LimitOutlivesTheDriverAndAReboot) {
  node().Close();
  ASSERT_OK(node().disk().Remount());
  ASSERT_OK(node().Open());
  EXPECT_LE(Fill(volume_), volume_->size_bytes());
}

TEST_P(SizeLimitTest, CopyHasALimitOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  ASSERT_OK_AND_ASSIGN(const VolumePtr copy,
                       node().Create(RequestForCopy(kind(), "copy", snapshot)));
  EXPECT_LE(Fill(copy), copy->size_bytes());
  EXPECT_OK(WriteContent(node(), volume_, "content"));
}

TEST_P(SizeLimitTest, GrownVolumeTakesMore) {
  const int64_t taken = Fill(volume_);
  ASSERT_OK(node().Expand(volume_, 2 * volume_->size_bytes()));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
  int error = 0;
  EXPECT_GT(used.Fill("big", 4 * volume_->size_bytes(), error), taken);
  EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT));
}

TEST_P(SizeLimitTest, FullVolumeIsDeleted) {
  Fill(volume_);
  EXPECT_OK(node().Delete(volume_));
  EXPECT_TRUE(node().TrashEmpties());
}

TEST(SizeLimitWithoutQuotasTest, DirectoryThatNothingLimitsIsNotServed) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({host::FilesystemType::kBtrfs}));
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node->Create(RequestFor(DirectoryOnBtrfs(), "a")));
  node->Close();
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd root,
                         host::OpenPath(node->disk().path(), O_RDONLY | O_DIRECTORY));
    btrfs_ioctl_quota_ctl_args args = {};
    args.cmd = BTRFS_QUOTA_CTL_DISABLE;
    ASSERT_EQ(::ioctl(root.get(), BTRFS_IOC_QUOTA_CTL, &args), 0);
  }
  ASSERT_OK(node->Open());
  EXPECT_THAT(node->storage().GetVolume(VolumeId::Parse(volume->id()).value()),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("simple quotas")));
  EXPECT_THAT(node->Create(RequestFor(DirectoryOnBtrfs(), "b")),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace nodevol::storage

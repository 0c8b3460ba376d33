// SPDX-License-Identifier: Apache-2.0
//
// A start finishes what an expansion began, finds what is mounted, and frees what nothing uses.
#include <fcntl.h>

#include <memory>
#include <string>

#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/loop_device.h"
#include "host/project_id.h"
#include "host/project_quota.h"
#include "storage/record_file.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Ne;

class RecoveryUseTest : public KindTest {
 protected:
  void SetUp() override {
    KindTest::SetUp();
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "a")));
  }

  UniqueFd OpenObject() { return *host::OpenPath(node().PathOf(volume_), O_RDONLY | O_DIRECTORY); }
  std::string ImagePath() {
    const bool btrfs = kind().pool == host::FilesystemType::kBtrfs;
    return node().PathOf(volume_) + (btrfs ? "/subvol/image" : "/image");
  }
  // The size that the kernel holds the volume to.
  int64_t EnforcedSize() {
    if (!volume_->has_directory()) return host::InspectPath(ImagePath())->size_bytes;
    const auto data = host::OpenDirectory(OpenObject().get(), "data");
    if (kind().project_quotas) {
      const uint32_t project = volume_->directory().project_id();
      EXPECT_THAT(host::ProjectOf(data->get()),
                  IsOkAndHolds(host::Project{.id = project, .inherit = true}));
      return host::GetProjectQuota(data->get(), project)->limits.bytes;
    }
    const auto group = host::GetQuotaGroup(data->get(), {1, *host::SubvolumeOf(data->get())});
    return group->value().limit_bytes.value_or(0);
  }

  VolumePtr volume_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, RecoveryUseTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(RecoveryUseTest, SizeThatWasPromisedIsGiven) {
  ASSERT_OK(WriteContent(node(), volume_, "content"));
  ASSERT_EQ(EnforcedSize(), kind().bytes);
  node().Close();
  // A crash between the two steps of an expansion.
  v1::VolumeRecord larger = *volume_;
  larger.set_size_bytes(2 * kind().bytes);
  larger.set_generation(2);
  ASSERT_OK(ReplaceRecord(OpenObject().get(), "record", larger));
  ASSERT_OK(node().Open());
  EXPECT_EQ(EnforcedSize(), 2 * kind().bytes);
  EXPECT_EQ(node().Statistics().promised_bytes, 2 * kind().bytes);
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("content"));
  ASSERT_OK_AND_ASSIGN(const ExpandedVolume again, node().Expand(volume_, 2 * kind().bytes));
  EXPECT_EQ(again.volume->generation(), 2U);
}

TEST_P(RecoveryUseTest, WhatIsMountedIsFound) {
  ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume_));
  ASSERT_OK(used.Write("content"));
  ASSERT_OK(node().Reopen());
  EXPECT_THAT(node().Delete(volume_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                               AllOf(HasSubstr("in use"), HasSubstr(used.path()))));
  EXPECT_THAT(used.Read(), IsOkAndHolds("content"));
  if (kind().pool == host::FilesystemType::kExt4 || kind().project_quotas) {
    EXPECT_THAT(node().Snapshot("s", volume_), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  ASSERT_OK(used.Release());
  EXPECT_OK(node().Delete(volume_));
}

TEST_P(RecoveryUseTest, MountMadeBeforeIsFlushedForASnapshot) {
  // Refused while it is in use.
  if (kind().pool == host::FilesystemType::kExt4 || kind().project_quotas) return;
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
  ASSERT_OK(node().Reopen());
  ASSERT_OK(used.WriteWithoutSync("content"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr clone,
                       node().Create(RequestForCopy(kind(), "clone", volume_)));
  EXPECT_THAT(ReadContent(node(), clone), IsOkAndHolds("content"));
}

TEST_P(RecoveryUseTest, LoopDeviceThatNothingUsesIsFreed) {
  if (volume_->has_directory()) return;
  int number = -1;
  {
    // A process was killed between attaching the device and binding it to its target.
    ASSERT_OK_AND_ASSIGN(const UniqueFd image, host::OpenPath(ImagePath(), O_RDWR));
    ASSERT_OK_AND_ASSIGN(const host::LoopDevice loop,
                         host::AttachLoop(image.get(), {.sector_bytes = 4096}));
    number = loop.number;
  }
  EXPECT_THAT(node().Delete(volume_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("in use")));
  ASSERT_OK(node().Reopen());
  EXPECT_TRUE(Eventually([number] {
    const auto loop = host::OpenLoop(number, /*read_only=*/true);
    return !loop.ok() || !host::LoopBackingOf(loop->fd.get())->has_value();
  }));
  EXPECT_OK(WriteContent(node(), volume_, "content"));
  EXPECT_OK(node().Delete(volume_));
}

TEST_P(RecoveryUseTest, LoopDeviceOnAnotherFileIsNotTouched) {
  const std::string path = node().disk().path() + "/foreign";
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_OK(host::SetFileSize(file.get(), kMiB));
  ASSERT_OK_AND_ASSIGN(const host::LoopDevice loop,
                       host::AttachLoop(file.get(), {.sector_bytes = 4096}));
  ASSERT_OK(node().Reopen());
  EXPECT_THAT(host::LoopBackingOf(loop.fd.get()), IsOkAndHolds(Ne(std::nullopt)));
  EXPECT_OK(host::DetachLoop(loop.fd.get()));
}

TEST_P(RecoveryUseTest, RebootLeavesNothingInUse) {
  ASSERT_OK(WriteContent(node(), volume_, "content"));
  node().Close();
  ASSERT_OK(node().disk().Remount());
  ASSERT_OK(node().Open());
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("content"));
  EXPECT_OK(node().Delete(volume_));
}

}  // namespace
}  // namespace nodevol::storage

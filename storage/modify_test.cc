// SPDX-License-Identifier: Apache-2.0
//
// Attributes of volumes that exist are changed, and the change does something.
#include <fcntl.h>

#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "host/file.h"
#include "host/mount_table.h"
#include "storage/discard.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

auto Invalid(const std::string& what) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
}

class ModifyTest : public KindTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(KindTest::SetUp());
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "a")));
  }
  VolumePtr Now() { return *node().storage().GetVolume(*VolumeId::Parse(volume_->id())); }

  VolumePtr volume_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, ModifyTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(ModifyTest, ChangeIsInTheRecordAndStays) {
  ASSERT_OK(node().Modify(volume_, "undeleteWindow", "24h"));
  EXPECT_EQ(Now()->attributes().undelete_window_seconds(), 24 * 3600);
  EXPECT_EQ(Now()->generation(), volume_->generation() + 1);
  ASSERT_OK(node().Modify(volume_, "undeleteWindow", "24h")) << "a second time";
  EXPECT_EQ(Now()->generation(), volume_->generation() + 1);
  ASSERT_OK(node().Reopen());
  EXPECT_EQ(Now()->attributes().undelete_window_seconds(), 24 * 3600);
}

TEST_P(ModifyTest, BadKeyOrValueChangesNothing) {
  EXPECT_THAT(node().Modify(volume_, "iops", "100"), Invalid("\"iops\""));
  EXPECT_THAT(node().Modify(volume_, "undeleteWindow", "a while"), Invalid("a while"));
  EXPECT_EQ(Now()->generation(), volume_->generation());
}

TEST_P(ModifyTest, VolumeThatDoesNotExistIsNotFound) {
  ASSERT_OK(node().Delete(volume_));
  EXPECT_THAT(node().Modify(volume_, "undeleteWindow", "1h"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ModifyTest, RequestThatMadeItFindsItAfterwards) {
  ASSERT_OK(node().Modify(volume_, "undeleteWindow", "1h"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr found, node().Create(RequestFor(kind(), "a")));
  EXPECT_EQ(found->id(), volume_->id());
  v1::VolumeRequest other = RequestFor(kind(), "a");
  (*other.mutable_mutable_parameters())["undeleteWindow"] = "1h";
  EXPECT_THAT(node().Create(other), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_P(ModifyTest, MutableParametersHaveTheLastWordAtCreation) {
  v1::VolumeRequest request = RequestFor(kind(), "b");
  (*request.mutable_parameters())["undeleteWindow"] = "1h";
  (*request.mutable_mutable_parameters())["undeleteWindow"] = "2h";
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(request));
  EXPECT_EQ(volume->attributes().undelete_window_seconds(), 2 * 3600);
}

TEST_P(ModifyTest, ImpossibleAttributeIsRefusedAtCreationToo) {
  v1::VolumeRequest request = RequestFor(kind(), "b");
  const std::string impossible = kind().project_quotas ? "discard" : "inodeLimit";
  (*request.mutable_mutable_parameters())[impossible] = kind().project_quotas ? "true" : "100";
  EXPECT_THAT(node().Create(request), Invalid(impossible));
  EXPECT_EQ(node().storage().FindVolume("b"), nullptr);
}

class DiscardTest : public ModifyTest {
 protected:
  int64_t AllocatedBytes() {
    const bool btrfs = kind().pool == host::FilesystemType::kBtrfs;
    const std::string image = node().PathOf(volume_) + (btrfs ? "/subvol" : "") + "/image";
    const absl::StatusOr<host::FileInfo> info = host::InspectPath(image);
    return info.ok() ? info->allocated_bytes : -1;
  }
  // Writes 20 MiB into the volume and removes them again. Returns what the image held in between.
  int64_t WriteAndRemove(const UsedVolume& used) {
    int error = 0;
    EXPECT_EQ(used.Fill("large", 20 * kMiB, error), 20 * kMiB);
    EXPECT_EQ(error, 0);
    Sync(used);
    const int64_t full = AllocatedBytes();
    std::filesystem::remove(used.path() + "/large");
    Sync(used);
    return full;
  }
  static void Sync(const UsedVolume& used) {
    const absl::StatusOr<UniqueFd> root = host::OpenPath(used.path(), O_RDONLY | O_DIRECTORY);
    ASSERT_OK(root);
    EXPECT_OK(host::SyncFilesystem(root->get()));
  }
};

std::vector<TestKind> FilesystemImages() {
  std::vector<TestKind> kinds = MountedKinds();
  std::erase_if(kinds, [](const TestKind& kind) { return kind.backend == "directory"; });
  return kinds;
}
INSTANTIATE_TEST_SUITE_P(Kinds, DiscardTest, ::testing::ValuesIn(FilesystemImages()), KindName);

constexpr int64_t kFreed = 15 * kMiB;

TEST_P(DiscardTest, WithoutItWhatAPodFreesStaysTaken) {
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
  const int64_t full = WriteAndRemove(used);
  EXPECT_GT(AllocatedBytes(), full - kFreed);
}

TEST_P(DiscardTest, StagedWithItWhatAPodFreesComesBack) {
  ASSERT_OK(node().Modify(volume_, "discard", "true"));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), Now()));
  const int64_t full = WriteAndRemove(used);
  EXPECT_TRUE(Eventually([&] {
    Sync(used);  // XFS discards what its log has let go
    return AllocatedBytes() < full - kFreed;
  }));
}

TEST_P(DiscardTest, TurnedOnWhileInUseWhatAPodFreesComesBack) {
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
  // The node service notes its mounts; here a start finds them.
  ASSERT_OK(node().Reopen());
  ASSERT_OK(node().Modify(volume_, "discard", "true"));
  const int64_t full = WriteAndRemove(used);
  EXPECT_TRUE(Eventually([&] {
    // What the reaper does every minute.
    EXPECT_OK(node().OnVolume(volume_, [](LocalVolume& volume) {
      TrimVolumes(volume.engine);
      return absl::OkStatus();
    }));
    return AllocatedBytes() < full - kFreed;
  }));
}

TEST_P(DiscardTest, TurnedOffWhileInUseItEnds) {
  if (kind().fs_type == "xfs") GTEST_SKIP() << "XFS keeps the option until it is mounted anew";
  ASSERT_OK(node().Modify(volume_, "discard", "true"));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), Now()));
  ASSERT_OK(node().Reopen());
  ASSERT_OK(node().Modify(volume_, "discard", "false"));
  const int64_t full = WriteAndRemove(used);
  EXPECT_GT(AllocatedBytes(), full - kFreed);
}

TEST_P(DiscardTest, ThickVolumesKeepTheirBlocks) {
  v1::VolumeRequest request = RequestFor(kind(), "thick");
  (*request.mutable_parameters())["provisioning"] = "thick";
  ASSERT_OK_AND_ASSIGN(volume_, node().Create(request));
  EXPECT_THAT(node().Modify(volume_, "discard", "true"), Invalid("thick"));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
  WriteAndRemove(used);
  EXPECT_GE(AllocatedBytes(), volume_->size_bytes());
}

}  // namespace
}  // namespace nodevol::storage

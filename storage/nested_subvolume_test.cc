// SPDX-License-Identifier: Apache-2.0
//
// A pod makes subvolumes in its directory volume on btrfs: they don't escape its limit, and don't
// keep the volume from being deleted.
#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/as_user.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::AsUser;
using nodevol::testing::IsOkAndHolds;
using ::testing::IsEmpty;

constexpr uid_t kPod = 1000;
constexpr uint64_t kPoolSubvolume = 5;  // BTRFS_FS_TREE_OBJECTID

class NestedSubvolumeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::chmod("/mnt", 0711), 0);  // the way to the volume is the pod's too
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({FilesystemType::kBtrfs}));
    v1::VolumeRequest request = RequestFor(DirectoryOnBtrfs(), "a");
    (*request.mutable_parameters())["uid"] = absl::StrCat(kPod);
    (*request.mutable_parameters())["gid"] = absl::StrCat(kPod);
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(request));
  }
  void TearDown() override { root_.reset(); }

  int Root() {
    if (!root_.valid()) {
      root_ = *host::OpenPath(node_->disk().path(), O_RDONLY | O_DIRECTORY);
    }
    return root_.get();
  }

  // Makes the subvolume at `path` in the volume.
  static absl::Status Make(const UsedVolume& used, const std::string& path,
                           const std::string& name) {
    const auto parent = host::OpenPath(absl::StrCat(used.path(), path), O_RDONLY | O_DIRECTORY);
    if (!parent.ok()) return parent.status();
    return host::CreateSubvolume(parent->get(), name);
  }
  static absl::Status MakeReadOnly(const UsedVolume& used, const std::string& path) {
    const auto subvolume = host::OpenPath(absl::StrCat(used.path(), path), O_RDONLY | O_DIRECTORY);
    if (!subvolume.ok()) return subvolume.status();
    uint64_t flags = BTRFS_SUBVOL_RDONLY;
    if (::ioctl(subvolume->get(), BTRFS_IOC_SUBVOL_SETFLAGS, &flags) != 0) {
      return ErrnoStatus(errno, "make the subvolume read-only");
    }
    return absl::OkStatus();
  }

  // Deletes the volume and waits until the reaper and btrfs's cleaner have left nothing of it.
  void ExpectDeletedWithoutATrace() {
    ASSERT_OK(node_->Delete(volume_));
    EXPECT_TRUE(node_->TrashEmpties());
    EXPECT_TRUE(Eventually([this] {
      node_->storage().CheckReady().IgnoreError();
      return VolumeGroups().empty();
    })) << VolumeGroups().size()
        << " quota groups of volumes are left";
    EXPECT_THAT(host::ChildSubvolumes(Root(), kPoolSubvolume), IsOkAndHolds(IsEmpty()));
    EXPECT_EQ(node_->Statistics().promised_bytes, 0);
  }
  std::vector<uint64_t> VolumeGroups() {
    std::vector<uint64_t> groups;
    EXPECT_OK(host::ForEachQuotaGroup(Root(),
                                      [&](host::QuotaGroupId group, const host::QuotaGroupUsage&) {
                                        if (group.level == 1) groups.push_back(group.id);
                                      }));
    return groups;
  }

  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
  UniqueFd root_;
};

TEST_F(NestedSubvolumeTest, VolumeWithoutNestedOnesLeavesNothing) {
  EXPECT_EQ(VolumeGroups().size(), 1U);
  ASSERT_OK(WriteContent(*node_, volume_, "content"));
  ExpectDeletedWithoutATrace();
}

TEST_F(NestedSubvolumeTest, NestedSubvolumeSharesTheLimit) {
  for (const uid_t user : {uid_t{0}, kPod}) {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
    const std::string name = absl::StrCat("nested-", user);
    const AsUser pod(user);
    ASSERT_OK(Make(used, "", name)) << user;
    int error = 0;
    const int64_t taken = used.Fill(name + "/big", 2 * volume_->size_bytes(), error);
    EXPECT_EQ(error, EDQUOT) << user;
    EXPECT_LE(taken, volume_->size_bytes()) << user;
    EXPECT_LE(used.Fill("beside", volume_->size_bytes(), error), kMiB) << user;
    EXPECT_EQ(error, EDQUOT) << user;
    ::unlink((used.path() + "/" + name + "/big").c_str());
    ::unlink((used.path() + "/beside").c_str());
    ASSERT_OK(host::SyncFilesystem(Root()));
  }
  ExpectDeletedWithoutATrace();
}

TEST_F(NestedSubvolumeTest, SubvolumesNestedTwiceDoNotKeepTheVolume) {
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
    const AsUser pod(kPod);
    ASSERT_OK(Make(used, "", "outer"));
    ASSERT_OK(Make(used, "", "other"));
    ASSERT_EQ(::mkdir((used.path() + "/outer/directory").c_str(), 0700), 0);
    ASSERT_OK(Make(used, "/outer/directory", "inner"));
    ASSERT_OK(Make(used, "/outer/directory/inner", "innermost"));
    int error = 0;
    used.Fill("outer/directory/inner/file", kMiB, error);
  }
  ExpectDeletedWithoutATrace();
}

TEST_F(NestedSubvolumeTest, FullOnesDoNotKeepTheVolume) {
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
    ASSERT_OK(Make(used, "", "outer"));
    ASSERT_OK(Make(used, "/outer", "inner"));
    int error = 0;
    used.Fill("outer/inner/big", 2 * volume_->size_bytes(), error);
    EXPECT_EQ(error, EDQUOT);
  }
  ExpectDeletedWithoutATrace();
}

TEST_F(NestedSubvolumeTest, ReadOnlyOnesDoNotKeepTheVolume) {
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
    const AsUser pod(kPod);
    ASSERT_OK(Make(used, "", "outer"));
    ASSERT_OK(Make(used, "/outer", "inner"));
    ASSERT_OK(Make(used, "/outer/inner", "innermost"));
    ASSERT_OK(MakeReadOnly(used, "/outer/inner"));
    ASSERT_OK(MakeReadOnly(used, "/outer"));
    // The volume itself too: its owner may.
    ASSERT_OK(MakeReadOnly(used, ""));
  }
  ExpectDeletedWithoutATrace();
}

TEST_F(NestedSubvolumeTest, SnapshotsThatThePodTookDoNotKeepTheVolume) {
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
    ASSERT_OK(used.Write("content"));
    ASSERT_OK_AND_ASSIGN(const UniqueFd directory,
                         host::OpenPath(used.path(), O_RDONLY | O_DIRECTORY));
    const AsUser pod(kPod);
    ASSERT_OK(host::SnapshotSubvolume(directory.get(), directory.get(), "snap", true));
    ASSERT_OK(host::SnapshotSubvolume(directory.get(), directory.get(), "clone", false));
  }
  ExpectDeletedWithoutATrace();
}

TEST_F(NestedSubvolumeTest, SnapshotHoldsTheVolumeWithoutTheNestedOnes) {
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
    ASSERT_OK(used.Write("content"));
    ASSERT_OK(Make(used, "", "nested"));
  }
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node_->Snapshot("s", volume_));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                       node_->Create(RequestForCopy(DirectoryOnBtrfs(), "r", snapshot)));
  EXPECT_THAT(ReadContent(*node_, restored), IsOkAndHolds("content"));
  ASSERT_OK(node_->Delete(restored));
  ASSERT_OK(node_->DeleteSnapshot(snapshot));
  ExpectDeletedWithoutATrace();
}

}  // namespace
}  // namespace nodevol::storage

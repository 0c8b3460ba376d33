// SPDX-License-Identifier: Apache-2.0
//
// Disks that go away, turn read-only or hang under a running driver: their volumes are UNAVAILABLE,
// others are unharmed, and all is back by itself when the disk is.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "host/file.h"
#include "host/filesystem.h"
#include "host/mount.h"
#include "storage/local_storage.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::StatusIs;
using nodevol::testing::TestFilesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Two pools, a volume in each; it is the first whose disk suffers.
class PoolReturnTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({GetParam(), FilesystemType::kExt4}));
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(Request("a", 0)));
    ASSERT_OK_AND_ASSIGN(other_, node_->Create(Request("b", 1)));
  }

  static v1::VolumeRequest Request(const std::string& name, int pool) {
    v1::VolumeRequest request = RequestFor(Ext4OnExt4(), name);
    (*request.mutable_parameters())["pool"] = absl::StrCat("pool-", pool);
    return request;
  }

  void ExpectUnavailable(const std::string& why) {
    const auto unavailable =
        StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("pool-0"), HasSubstr(why)));
    ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(node_->storage().CheckReady()); }));
    EXPECT_THAT(node_->Delete(volume_), unavailable);
    EXPECT_THAT(node_->Expand(volume_, 2 * volume_->size_bytes()), unavailable);
    EXPECT_THAT(node_->Snapshot("s", volume_), unavailable);
    EXPECT_THAT(node_->OnVolume(volume_, [](LocalVolume&) { return absl::OkStatus(); }),
                unavailable);
    // It is known all the same: nothing says that it was deleted.
    EXPECT_OK(node_->storage().GetVolume(*VolumeId::Parse(volume_->id())));
    EXPECT_EQ(node_->storage().ListVolumes({}).entries.size(), 2U);
  }

  void ExpectOtherPoolUnharmed() {
    EXPECT_OK(node_->OnVolume(other_, [](LocalVolume&) { return absl::OkStatus(); }));
    ASSERT_OK_AND_ASSIGN(const VolumePtr made, node_->Create(Request("more", 1)));
    EXPECT_OK(node_->Delete(made));
  }

  int64_t CapacityOfFirst() {
    CapacityQuery query;
    query.parameters["pool"] = "pool-0";
    const absl::StatusOr<Capacity> capacity = node_->storage().GetCapacity(query);
    return capacity.ok() ? capacity->available : -1;
  }

  void ExpectBack() {
    ASSERT_TRUE(Eventually([&] { return node_->storage().CheckReady().ok(); }))
        << node_->storage().CheckReady();
    EXPECT_GT(CapacityOfFirst(), 0);
    EXPECT_OK(node_->OnVolume(volume_, [](LocalVolume&) { return absl::OkStatus(); }));
    EXPECT_OK(node_->Create(Request("c", 0)));
    EXPECT_OK(node_->Delete(volume_));
  }

  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
  VolumePtr other_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, PoolReturnTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         PoolFilesystemName);

TEST_P(PoolReturnTest, DiskThatWasUnmountedIsBackWhenItIsMounted) {
  ASSERT_EQ(::umount2(node_->disk().path().c_str(), MNT_DETACH), 0);
  ExpectUnavailable("is not the filesystem that the driver opened");
  ExpectOtherPoolUnharmed();
  ASSERT_OK(node_->disk().Mount());
  ExpectBack();
}

TEST_P(PoolReturnTest, AnotherMountOfTheDiskIsThePool) {
  const std::string& path = node_->disk().path();
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd root, host::OpenPath(path, O_PATH | O_DIRECTORY));
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, host::CloneTree(root.get()));
    ASSERT_OK(host::AttachMount(tree.get(), root.get()));
  }
  EXPECT_THAT(node_->storage().CheckReady(), StatusIs(absl::StatusCode::kUnavailable));
  ExpectBack();
  ASSERT_EQ(::umount2(path.c_str(), MNT_DETACH), 0);
  ASSERT_TRUE(Eventually([&] { return node_->storage().CheckReady().ok(); }));
}

TEST_P(PoolReturnTest, DiskThatTurnsReadOnlyIsBackWhenItIsWritable) {
  if (GetParam() != FilesystemType::kExt4) GTEST_SKIP() << "only ext4 can be told to";
  ASSERT_EQ(
      ::mount(nullptr, node_->disk().path().c_str(), nullptr, MS_REMOUNT, "errors=remount-ro"), 0);
  {
    std::ofstream trigger(
        absl::StrCat("/sys/fs/ext4/loop", node_->disk().loop_number(), "/trigger_fs_error"));
    trigger << "a test" << std::flush;
    ASSERT_TRUE(trigger.good());
  }
  ExpectUnavailable("Read-only file system");
  EXPECT_EQ(CapacityOfFirst(), 0);
  ExpectOtherPoolUnharmed();
  // The driver lets go of the disk, so that it can be unmounted and checked.
  ASSERT_TRUE(Eventually([&] { return host::Unmount(node_->disk().path()).ok(); }));
  ASSERT_OK(node_->disk().Mount());
  ExpectBack();
}

TEST_P(PoolReturnTest, DiskThatHangsStallsOnlyItself) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd root,
                       host::OpenPath(node_->disk().path(), O_RDONLY | O_DIRECTORY));
  ASSERT_OK(host::Freeze(root.get()));
  // What was asked before anybody knew waits, and ends when the disk answers.
  absl::Notification ended;
  absl::Status slow;
  node_->storage().DeleteVolume({}, *VolumeId::Parse(volume_->id()), [&](const absl::Status& end) {
    slow = end;
    ended.Notify();
  });
  ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(node_->storage().CheckReady()); }));
  EXPECT_THAT(node_->storage().CheckReady(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("pool-0\" hangs")));
  EXPECT_EQ(CapacityOfFirst(), 0);
  EXPECT_THAT(node_->Create(Request("c", 0)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("hangs")));
  ExpectOtherPoolUnharmed();
  EXPECT_FALSE(ended.HasBeenNotified());
  ASSERT_OK(host::Thaw(root.get()));
  ended.WaitForNotification();
  EXPECT_OK(slow);
  ASSERT_TRUE(Eventually([&] { return node_->storage().CheckReady().ok(); }));
  EXPECT_OK(node_->Create(Request("c", 0)));
}

TEST_P(PoolReturnTest, DiskThatIsMissingAtStartComesLater) {
  node_->Close();
  ASSERT_OK(node_->disk().Unmount());
  ASSERT_OK(node_->Open());
  EXPECT_THAT(node_->storage().CheckReady(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("it is tried again")));
  // Nobody may say that its volumes do not exist.
  const VolumeId id = *VolumeId::Parse(volume_->id());
  EXPECT_THAT(node_->storage().GetVolume(id), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(node_->DeleteId(id), StatusIs(absl::StatusCode::kUnavailable));
  ExpectOtherPoolUnharmed();
  ASSERT_OK(node_->disk().Mount());
  ExpectBack();
}

TEST(PoolReturnPowerTest, DiskThatFailedIsBackAfterItWasUnmountedAndMounted) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({FilesystemType::kXfs}));
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node->Create(RequestFor(Ext4OnXfs(), "a")));
  ASSERT_OK(node->disk().CutPower());
  ASSERT_TRUE(Eventually([&] { return !node->storage().CheckReady().ok(); }));
  ASSERT_TRUE(Eventually([&] { return host::Unmount(node->disk().path()).ok(); }));
  ASSERT_OK(node->disk().Mount());
  ASSERT_TRUE(Eventually([&] { return node->storage().CheckReady().ok(); }));
  EXPECT_OK(node->Delete(volume));
}

// Mounts another disk where the pool's was.
void Exchange(const std::string& path, const std::string& other) {
  ASSERT_EQ(::umount2(path.c_str(), MNT_DETACH), 0);
  ASSERT_OK_AND_ASSIGN(const UniqueFd theirs, host::OpenPath(other, O_PATH | O_DIRECTORY));
  ASSERT_OK_AND_ASSIGN(const UniqueFd tree, host::CloneTree(theirs.get()));
  ASSERT_OK_AND_ASSIGN(const UniqueFd here, host::OpenPath(path, O_PATH | O_DIRECTORY));
  ASSERT_OK(host::AttachMount(tree.get(), here.get()));
}

// A pool may be prepared where there was none at the start, not in the place of one that has
// failed.
TEST(PoolReturnWrongDiskTest, EmptyDiskAtThePathIsNotPrepared) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({FilesystemType::kXfs}));
  ASSERT_OK_AND_ASSIGN(const TestFilesystem stranger,
                       TestFilesystem::Create({.type = FilesystemType::kXfs}));
  ASSERT_OK(node->disk().CutPower());
  ASSERT_TRUE(Eventually([&] { return !node->storage().CheckReady().ok(); }));
  Exchange(node->disk().path(), stranger.path());
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains(node->storage().CheckReady().message(), "is not prepared as a pool");
  })) << node->storage().CheckReady();
  EXPECT_EQ(::access((stranger.path() + "/.nodevol").c_str(), F_OK), -1);
  node->Close();
  ASSERT_OK(host::Unmount(node->disk().path()));
}

TEST(PoolReturnWrongDiskTest, AnotherPoolAtThePathIsNotTakenForTheOneThatWasThere) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({FilesystemType::kXfs, FilesystemType::kExt4}));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> stranger,
                       TestNode::Create({FilesystemType::kXfs}));
  const std::string uuid = node->PoolUuid();
  stranger->Close();
  Exchange(node->disk().path(), stranger->disk().path());
  EXPECT_THAT(node->DeleteId(VolumeId::ForName(uuid, "never there")),
              StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(host::Unmount(node->disk().path()));
  ASSERT_OK(node->disk().Mount());
  EXPECT_TRUE(Eventually([&] { return node->storage().CheckReady().ok(); }));
}

}  // namespace
}  // namespace nodevol::storage

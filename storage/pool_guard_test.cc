// SPDX-License-Identifier: Apache-2.0
//
// A pool is used only while it is the disk that was opened, and while that works.
#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>

#include "host/file.h"
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

auto Unavailable(const std::string& why) {
  return StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("pool-0"), HasSubstr(why)));
}

class PoolGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({FilesystemType::kXfs}));
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(RequestFor(Ext4OnXfs(), "a")));
    ASSERT_OK(node_->storage().CheckReady());
  }

  // Every kind of change.
  void ExpectAllRefused(const std::string& why) {
    EXPECT_THAT(node_->Create(RequestFor(Ext4OnXfs(), "b")), Unavailable(why));
    EXPECT_THAT(node_->Delete(volume_), Unavailable(why));
    EXPECT_THAT(node_->DeleteId(VolumeId::ForName(uuid_, "never there")), Unavailable(why));
    EXPECT_THAT(node_->Expand(volume_, 2 * volume_->size_bytes()), Unavailable(why));
    EXPECT_THAT(node_->Snapshot("s", volume_), Unavailable(why));
    EXPECT_THAT(node_->OnVolume(volume_, [](LocalVolume&) { return absl::OkStatus(); }),
                Unavailable(why));
    EXPECT_THAT(node_->storage().CheckReady(), Unavailable(why));
  }

  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
  std::string uuid_;
};

TEST_F(PoolGuardTest, WhatIsMountedOverThePoolIsNotTakenForIt) {
  uuid_ = node_->PoolUuid();
  const std::string& path = node_->disk().path();
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, host::NewMount("tmpfs", "none", false, {}, {}));
    ASSERT_OK_AND_ASSIGN(const UniqueFd target, host::OpenPath(path, O_PATH | O_DIRECTORY));
    ASSERT_OK(host::AttachMount(tree.get(), target.get()));
  }
  ExpectAllRefused("is not the filesystem that the driver opened");
  ASSERT_OK(host::Unmount(path));
  // What was refused was not done; and the pool is the right disk again.
  EXPECT_OK(node_->storage().CheckReady());
  EXPECT_THAT(node_->Entries("volumes"), ::testing::ElementsAre(volume_->id()));
}

TEST_F(PoolGuardTest, PoolThatIsNoLongerMountedIsNotTakenForEmpty) {
  uuid_ = node_->PoolUuid();
  ASSERT_EQ(::umount2(node_->disk().path().c_str(), MNT_DETACH), 0);
  ExpectAllRefused("is not the filesystem that the driver opened");
  node_->Close();
  // The node starts without it: what uses its volumes can end, and it may come.
  ASSERT_OK(node_->Open());
  const std::string why = "none that pools can be on";
  EXPECT_THAT(node_->storage().CheckReady(), Unavailable(why));
  EXPECT_THAT(node_->Create(RequestFor(Ext4OnXfs(), "b")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(why)));
  EXPECT_THAT(node_->Delete(volume_), Unavailable(why));
  EXPECT_THAT(node_->DeleteId(VolumeId::ForName(uuid_, "never there")), Unavailable(why));
  ASSERT_OK(node_->disk().Mount());
  ASSERT_TRUE(Eventually([&] { return node_->storage().CheckReady().ok(); }));
  EXPECT_OK(node_->Delete(volume_));
}

TEST_F(PoolGuardTest, AnswersFromMemoryGoOnWhileThePoolIsAway) {
  ASSERT_EQ(::umount2(node_->disk().path().c_str(), MNT_DETACH), 0);
  EXPECT_OK(node_->storage().GetVolume(*VolumeId::Parse(volume_->id())));
  EXPECT_EQ(node_->storage().ListVolumes({}).entries.size(), 1U);
}

// A second driver would take over the first one's socket.
TEST_F(PoolGuardTest, PoolOfAnotherOwnerIsNotWaitedFor) {
  EXPECT_THAT(LocalStorage::Open("node", {{.name = "a", .path = node_->disk().path()}}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another process owns")));
}

// Ids say which pool an object is in: of two with one UUID, one would answer for the other.
TEST(PoolCopyTest, CopyOfAPoolIsNotServedBesideIt) {
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk,
                       TestFilesystem::Create({.type = FilesystemType::kExt4}));
  const std::string original = disk.path() + "/original";
  ASSERT_TRUE(std::filesystem::create_directory(original));
  ASSERT_OK(LocalStorage::Open("node", {{.name = "a", .path = original, .create = true}}));
  std::filesystem::copy(original, disk.path() + "/copy", std::filesystem::copy_options::recursive);
  EXPECT_THAT(LocalStorage::Open("node", {{.name = "a", .path = original},
                                          {.name = "b", .path = disk.path() + "/copy"}}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("same UUID")));
}

class PoolFaultTest : public ::testing::TestWithParam<FilesystemType> {};

INSTANTIATE_TEST_SUITE_P(Filesystems, PoolFaultTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs),
                         PoolFilesystemName);

TEST_P(PoolFaultTest, DiskThatFailsEndsAllChangesUntilItIsOpenedAnew) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node, TestNode::Create({GetParam()}));
  TestKind kind = Ext4OnExt4();
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node->Create(RequestFor(kind, "a")));
  ASSERT_OK(node->disk().CutPower());
  // The first to meet the fault may have an error of its own.
  EXPECT_FALSE(node->Delete(volume).ok());
  ASSERT_TRUE(Eventually([&] { return !node->storage().CheckReady().ok(); }));
  const auto faulted = Unavailable("faulted");
  EXPECT_THAT(node->Create(RequestFor(kind, "b")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("faulted")));
  EXPECT_THAT(node->Delete(volume), faulted);
  EXPECT_THAT(node->Expand(volume, 2 * volume->size_bytes()), faulted);
  EXPECT_THAT(node->Snapshot("s", volume), faulted);
  EXPECT_THAT(node->storage().CheckReady(), faulted);
  EXPECT_EQ(node->storage().GetCapacity({})->available, 0);
  EXPECT_FALSE(node->storage().Statistics().front().state.ok());

  node->Close();
  ASSERT_OK(node->disk().Remount());
  ASSERT_OK(node->Open());
  EXPECT_OK(node->storage().CheckReady());
  EXPECT_OK(node->storage().GetVolume(*VolumeId::Parse(volume->id())));
  EXPECT_OK(node->Create(RequestFor(kind, "b")));
}

}  // namespace
}  // namespace nodevol::storage

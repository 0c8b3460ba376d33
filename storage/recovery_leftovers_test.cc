// SPDX-License-Identifier: Apache-2.0
//
// What a killed driver leaves in staging and in the trash is removed at the next start, whatever
// its shape.
#include <fcntl.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/file_data.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::IsOkAndHolds;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kPoolSubvolume = 5;  // BTRFS_FS_TREE_OBJECTID

// A directory of its own for each shape of an object that is half made or half removed.
class Leftovers {
 public:
  explicit Leftovers(const std::string& directory)
      : directory_(*host::OpenPath(directory, O_RDONLY | O_DIRECTORY)) {}

  void MakeAll(bool btrfs) {
    New("empty");
    PutFile(New("half-a-record").get(), "record", "nodevol-rec");
    PutFile(New("image").get(), "image", std::string(100'000, 'x'));
    PutFile(directory_.get(), "a-file", "x");
    const UniqueFd deep = New("deep");
    EXPECT_OK(host::MakeDirectory(deep.get(), "data", 0));
    EXPECT_OK(host::MakeDirectory(deep.get(), "data/a", 0700));
    PutFile(deep.get(), "data/a/file", "x");
    if (btrfs) MakeSubvolumes();
  }

 private:
  UniqueFd New(const std::string& name) const {
    EXPECT_OK(host::MakeDirectory(directory_.get(), name, 0700));
    return *host::OpenDirectory(directory_.get(), name);
  }
  static void PutFile(int directory, const std::string& name, const std::string& content) {
    EXPECT_OK(host::WriteNewFile(directory, name, content, 0600));
  }
  void MakeSubvolumes() const {
    MakeSubvolume(New("subvolume-without-group").get(), "data");
    MakeGroup(MakeSubvolume(New("group-without-member").get(), "data"), /*member=*/false);
    MakeGroup(MakeSubvolume(New("group").get(), "data"), /*member=*/true);
    const UniqueFd nested = New("nested");
    MakeGroup(MakeSubvolume(nested.get(), "data"), /*member=*/true);
    MakeSubvolume(host::OpenDirectory(nested.get(), "data")->get(), "inner");
    const UniqueFd image = New("image-in-subvolume");
    MakeSubvolume(image.get(), "subvol");
    PutFile(image.get(), "subvol/image", std::string(100'000, 'x'));
    const UniqueFd snapshot = New("read-only-copy");
    EXPECT_OK(host::SnapshotSubvolume(host::OpenDirectory(image.get(), "subvol")->get(),
                                      snapshot.get(), "subvol", /*read_only=*/true));
  }
  static host::SubvolumeId MakeSubvolume(int parent, const std::string& name) {
    EXPECT_OK(host::CreateSubvolume(parent, name));
    return *host::SubvolumeOf(host::OpenDirectory(parent, name)->get());
  }
  void MakeGroup(host::SubvolumeId id, bool member) const {
    const int fd = directory_.get();
    EXPECT_OK(host::CreateQuotaGroup(fd, {1, id}));
    if (!member) return;
    EXPECT_OK(host::AddToQuotaGroup(fd, {0, id}, {1, id}));
    EXPECT_OK(host::SetQuotaLimit(fd, {1, id}, kMiB));
  }

  UniqueFd directory_;
};

class RecoveryLeftoversTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({GetParam()})); }

  // Makes leftovers of every shape in a directory of the pool while no driver runs.
  void LeaveBehind(const std::string& directory) {
    node_->Close();
    Leftovers(node_->disk().path() + "/" + directory).MakeAll(GetParam() == FilesystemType::kBtrfs);
  }
  void ExpectNoQuotaGroups() {
    if (GetParam() != FilesystemType::kBtrfs) return;
    const auto root = host::OpenPath(node_->disk().path(), O_RDONLY | O_DIRECTORY);
    int groups = 0;
    EXPECT_OK(host::ForEachQuotaGroup(
        root->get(), [&groups](host::QuotaGroupId group, const host::QuotaGroupUsage&) {
          if (group.level == 1) ++groups;
        }));
    EXPECT_EQ(groups, 0);
    EXPECT_THAT(host::ChildSubvolumes(root->get(), kPoolSubvolume), IsOkAndHolds(IsEmpty()));
  }

  std::unique_ptr<TestNode> node_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, RecoveryLeftoversTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         PoolFilesystemName);

TEST_P(RecoveryLeftoversTest, StagingIsEmptyWhenThePoolIsOpen) {
  LeaveBehind(".nodevol/staging");
  ASSERT_OK(node_->Open());
  EXPECT_THAT(node_->Entries(".nodevol/staging"), IsEmpty());
  ExpectNoQuotaGroups();
}

TEST_P(RecoveryLeftoversTest, TrashIsEmptiedAfterTheStart) {
  LeaveBehind(".nodevol/trash");
  ASSERT_OK(node_->Open());
  EXPECT_TRUE(node_->TrashEmpties());
  ExpectNoQuotaGroups();
}

TEST_P(RecoveryLeftoversTest, WhatIsNoObjectOfOursIsLeftAlone) {
  node_->Close();
  for (const std::string parent : {"/volumes/", "/snapshots/"}) {
    std::filesystem::create_directory(node_->disk().path() + parent + "somebodys-directory");
    std::filesystem::create_directory(node_->disk().path() + parent + "0123.4567");
  }
  std::filesystem::create_directory(node_->disk().path() + "/photos");
  ASSERT_OK(node_->Open());
  EXPECT_THAT(node_->Entries("volumes"), UnorderedElementsAre("somebodys-directory", "0123.4567"));
  EXPECT_THAT(node_->Entries("snapshots"),
              UnorderedElementsAre("somebodys-directory", "0123.4567"));
  EXPECT_TRUE(std::filesystem::exists(node_->disk().path() + "/photos"));
  EXPECT_EQ(node_->Statistics().damaged, 0U);
  EXPECT_THAT(node_->storage().ListVolumes({}).entries, IsEmpty());
}

TEST_P(RecoveryLeftoversTest, StartCanBeRepeated) {
  for (int i = 0; i < 3; ++i) {
    LeaveBehind(".nodevol/staging");
    ASSERT_OK(node_->Open());
    EXPECT_THAT(node_->Entries(".nodevol/staging"), IsEmpty());
    ASSERT_OK(node_->Reopen());
  }
}

}  // namespace
}  // namespace nodevol::storage

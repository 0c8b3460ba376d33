// SPDX-License-Identifier: Apache-2.0
//
// A disk that other programs have filled to the last block can still be emptied.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "host/filesystem.h"
#include "storage/layout.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kData = 40 * kMiB;

std::vector<TestKind> KindsOfEachPool() {
  return {Ext4OnExt4(), Ext4OnXfs(), DirectoryOnBtrfs(),
          TestKind{.name = "Ext4OnBtrfs",
                   .pool = FilesystemType::kBtrfs,
                   .backend = "image",
                   .fs_type = "ext4"}};
}

class FullPoolTest : public ::testing::TestWithParam<TestKind> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({GetParam().pool}, 512 * kMiB));
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(RequestFor(GetParam(), "a")));
    ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(*node_, volume_));
    int error = 0;
    ASSERT_EQ(used.Fill("big", kData, error), kData);
    ASSERT_OK(used.Release());
    foreign_ = node_->disk().path() + "/foreign";
    std::filesystem::create_directory(foreign_);
  }

  // Writes `name` in steps of `chunk` until there is no room.
  void Fill(const std::string& name, size_t chunk) {
    const UniqueFd file(
        ::open((foreign_ + "/" + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string data(chunk, 'x');
    while (::write(file.get(), data.data(), data.size()) > 0) {
    }
    if (file.valid()) host::Sync(file.get()).IgnoreError();
  }
  void FillPool() {
    for (const size_t chunk : {size_t{4} << 20, size_t{64} << 10, size_t{4096}}) {
      Fill(absl::StrCat("by-", chunk), chunk);
      host::SyncFilesystem(root()).IgnoreError();
    }
    constexpr int kFiles = 64;
    for (int i = 0; i < kFiles; ++i) Fill(absl::StrCat("small-", i), 1);
    EXPECT_LT(Usage().available_bytes, 4 * kMiB);
  }
  int root() {
    if (!root_.valid()) root_ = *host::OpenPath(node_->disk().path(), O_RDONLY | O_DIRECTORY);
    return root_.get();
  }
  // Free is not available: btrfs has nothing available when its metadata is full.
  host::FilesystemUsage Usage() {
    host::SyncFilesystem(root()).IgnoreError();
    return *host::UsageOf(root());
  }
  [[nodiscard]] static bool IsCopiedOnWrite() {
    return GetParam().pool == FilesystemType::kBtrfs && GetParam().backend == "image";
  }
  void TearDown() override { root_.reset(); }

  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
  std::string foreign_;
  UniqueFd root_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, FullPoolTest, ::testing::ValuesIn(KindsOfEachPool()), KindName);

TEST_P(FullPoolTest, VolumeIsDeletedAndItsSpaceComesBack) {
  FillPool();
  ASSERT_OK(node_->Delete(volume_));
  EXPECT_TRUE(node_->TrashEmpties());
  EXPECT_TRUE(Eventually([this] { return Usage().free_bytes > kData / 2; })) << Usage().free_bytes;
  EXPECT_THAT(node_->Entries("volumes"), IsEmpty());
  std::filesystem::remove_all(foreign_);
  EXPECT_TRUE(Eventually([this] { return Usage().available_bytes > 100 * kMiB; }));
  // The next start has the reserve again, and all goes on.
  ASSERT_OK(node_->Reopen());
  EXPECT_OK(node_->Create(RequestFor(GetParam(), "b")));
}

TEST_P(FullPoolTest, RefusedWorkLeavesNothing) {
  FillPool();
  EXPECT_EQ(node_->Available(), 0);
  EXPECT_THAT(node_->Create(RequestFor(GetParam(), "b")),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(node_->Expand(volume_, 2 * volume_->size_bytes()),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(node_->Snapshot("s", volume_), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(node_->Entries(".nodevol/staging"), IsEmpty());
  EXPECT_EQ(node_->Statistics().promised_bytes, volume_->size_bytes());
  EXPECT_OK(node_->storage().CheckReady());
}

TEST_P(FullPoolTest, VolumeCanBeGivenUpByTheController) {
  v1::ControllerPublication publication;
  publication.set_node_id("node-1");
  const VolumeId id = *VolumeId::Parse(volume_->id());
  ASSERT_OK(Await<VolumePtr>([&](Callback<VolumePtr> done) {
    node_->storage().PublishVolume({}, id, publication, std::move(done));
  }));
  FillPool();
  EXPECT_OK(Await<bool>([&](Callback<bool> done) {
    node_->storage().UnpublishVolume({}, id, "node-1", AnsweringEmpty(std::move(done)));
  }));
  EXPECT_OK(node_->Delete(volume_));
}

TEST_P(FullPoolTest, FullPoolIsOpenedAndServes) {
  FillPool();
  ASSERT_OK(node_->Reopen());
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume,
                       node_->storage().GetVolume(*VolumeId::Parse(volume_->id())));
  absl::StatusOr<UsedVolume> used = UsedVolume::Stage(*node_, volume);
  if (IsCopiedOnWrite()) {
    // Its journal can't be written without new blocks; the error says so.
    EXPECT_THAT(used.status(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("full")));
  } else {
    ASSERT_OK(used.status());
    EXPECT_EQ(std::filesystem::file_size(used->path() + "/big"), static_cast<uint64_t>(kData));
    ASSERT_OK(used->Release());
  }
  EXPECT_OK(node_->Delete(volume_));
}

TEST_P(FullPoolTest, PoolWhoseReserveOthersHaveTakenIsOpenedAndEmptied) {
  node_->Close();
  const std::string reserve =
      absl::StrCat(node_->disk().path(), "/", kMetaDirectory, "/", kReserveFile);
  ASSERT_EQ(::truncate(reserve.c_str(), 0), 0);
  FillPool();
  ASSERT_OK(node_->Open());
  EXPECT_OK(node_->Delete(volume_));
}

}  // namespace
}  // namespace nodevol::storage

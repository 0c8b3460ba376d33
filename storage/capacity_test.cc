// SPDX-License-Identifier: Apache-2.0
//
// The figures that the scheduler believes.
#include <fcntl.h>

#include <filesystem>
#include <memory>
#include <string>

#include "host/file.h"
#include "host/file_data.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::StatusIs;

// What the filesystem itself needs for an object is not foreseen to the byte; btrfs takes chunks.
constexpr int64_t kMetadata = 16 * kMiB;

Capacity CapacityOf(TestNode& node, const TestKind& kind) {
  const v1::VolumeRequest request = RequestFor(kind, "x");
  const auto capacity = node.storage().GetCapacity(
      {.parameters = request.parameters(),
       .capabilities = {request.capabilities().begin(), request.capabilities().end()}});
  EXPECT_OK(capacity);
  return capacity.value_or(Capacity());
}

// Takes space beside the volumes, as another program does.
void PutForeignData(const std::string& path, int64_t bytes) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_OK(host::Allocate(file.get(), bytes, /*keep_size=*/false));
  ASSERT_OK(host::SyncFilesystem(file.get()));
}

class CapacityTest : public KindTest {};

INSTANTIATE_TEST_SUITE_P(Kinds, CapacityTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(CapacityTest, VolumeTakesItsSizeAndGivesItBack) {
  const int64_t before = node().Available();
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  EXPECT_EQ(node().Statistics().promised_bytes, kind().bytes);
  EXPECT_NEAR(static_cast<double>(node().Available()), static_cast<double>(before - kind().bytes),
              kMetadata);
  // Writing what was promised changes nothing.
  ASSERT_OK(WriteContent(node(), volume, "content"));
  EXPECT_NEAR(static_cast<double>(node().Available()), static_cast<double>(before - kind().bytes),
              kMetadata);
  ASSERT_OK(node().Delete(volume));
  EXPECT_EQ(node().Statistics().promised_bytes, 0);
  ASSERT_TRUE(node().TrashEmpties());
  EXPECT_TRUE(Eventually([&] { return node().Available() >= before - kMetadata; }));
}

TEST_P(CapacityTest, FiguresAreTheSameAfterARestart) {
  ASSERT_OK(node().Create(RequestFor(kind(), "a")));
  const int64_t before = node().Available();
  ASSERT_OK(node().Reopen());
  EXPECT_NEAR(static_cast<double>(node().Available()), static_cast<double>(before), kMetadata);
}

TEST_P(CapacityTest, WhatAVolumeHasWrittenIsNotCountedTwice) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  const int64_t before = node().Available();
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
    int error = 0;
    ASSERT_EQ(used.Fill("big", 40 * kMiB, error), 40 * kMiB);
  }
  // A start measures, as the monitor does every minute.
  ASSERT_OK(node().Reopen());
  EXPECT_NEAR(static_cast<double>(node().Available()), static_cast<double>(before), kMetadata);
}

TEST_P(CapacityTest, LargestVolumeFits) {
  const Capacity capacity = CapacityOf(node(), kind());
  EXPECT_GT(capacity.maximum_volume, capacity.minimum_volume);
  EXPECT_EQ(capacity.available, capacity.maximum_volume);
  EXPECT_OK(node().Create(RequestFor(kind(), "a", capacity.maximum_volume)));
  EXPECT_LT(CapacityOf(node(), kind()).available, kMetadata);
  EXPECT_THAT(node().Create(RequestFor(kind(), "b")),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_P(CapacityTest, SmallestVolumeIsPossible) {
  const Capacity capacity = CapacityOf(node(), kind());
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume,
                       node().Create(RequestFor(kind(), "a", capacity.minimum_volume)));
  EXPECT_EQ(volume->size_bytes(), capacity.minimum_volume);
  EXPECT_OK(WriteContent(node(), volume, "content"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr least, node().Create(RequestFor(kind(), "b", 1)));
  EXPECT_EQ(least->size_bytes(), capacity.minimum_volume);
}

TEST_P(CapacityTest, ForeignDataIsSeen) {
  constexpr int64_t kForeign = 200 * kMiB;
  const int64_t before = node().Available();
  const std::string path = node().disk().path() + "/foreign";
  PutForeignData(path, kForeign);
  EXPECT_NEAR(static_cast<double>(node().Available()), static_cast<double>(before - kForeign),
              kMetadata);
  std::filesystem::remove(path);
  // btrfs counts it as used until its next commit.
  ASSERT_OK_AND_ASSIGN(const UniqueFd root,
                       host::OpenPath(node().disk().path(), O_RDONLY | O_DIRECTORY));
  ASSERT_OK(host::SyncFilesystem(root.get()));
  EXPECT_TRUE(Eventually([&] { return node().Available() >= before - kMetadata; }));
}

TEST(NodeCapacityTest, PoolsAreAddedUpAndTheLargestVolumeIsThatOfOne) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({FilesystemType::kExt4, FilesystemType::kBtrfs}));
  const int64_t first = node->Available(0) / kMiB * kMiB;
  const int64_t second = node->Available(1) / kMiB * kMiB;
  const Capacity images = CapacityOf(*node, Ext4OnXfs());
  EXPECT_EQ(images.available, first + second);
  EXPECT_EQ(images.maximum_volume, std::max(first, second));
  // Only one of the two can hold directories.
  EXPECT_EQ(CapacityOf(*node, DirectoryOnBtrfs()).available, second);
  CapacityQuery query;
  query.parameters["pool"] = "pool-0";
  EXPECT_EQ(node->storage().GetCapacity(query)->available, first);
  query.parameters["pool"] = "nvme";
  EXPECT_EQ(node->storage().GetCapacity(query)->available, 0);
}

TEST(NodeCapacityTest, ParametersThatNoVolumeHasAreInvalid) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TestNode> node,
                       TestNode::Create({FilesystemType::kExt4}));
  CapacityQuery query;
  query.parameters["poool"] = "x";
  EXPECT_THAT(node->storage().GetCapacity(query), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace nodevol::storage

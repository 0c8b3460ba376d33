// SPDX-License-Identifier: Apache-2.0
//
// What each pool would say to a volume that is not made.
#include <memory>
#include <string>
#include <vector>

#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// pool-0 on ext4, pool-1 on btrfs.
class PlacementVerdictTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({FilesystemType::kExt4, FilesystemType::kBtrfs}));
  }

  std::vector<PoolVerdict> Judge(const v1::VolumeRequest& request) {
    absl::StatusOr<std::vector<PoolVerdict>> verdicts = node_->storage().JudgePools(request);
    EXPECT_OK(verdicts);
    return verdicts.ok() ? *std::move(verdicts) : std::vector<PoolVerdict>(2);
  }
  // What is said beforehand is what comes true.
  void ExpectTrue(const v1::VolumeRequest& request) {
    std::vector<PoolVerdict> verdicts = Judge(request);
    const PoolVerdict* const best = BestOf(verdicts);
    const absl::StatusOr<VolumePtr> made = node_->Create(request);
    ASSERT_EQ(made.ok(), best != nullptr) << made.status();
    if (!made.ok()) return;
    EXPECT_EQ((*made)->volume_context().at("pool"), best->pool);
    EXPECT_EQ((*made)->size_bytes(), best->outline.size_bytes());
    EXPECT_EQ((*made)->image().fs_type(), best->outline.image().fs_type());
    EXPECT_EQ((*made)->has_directory(), best->outline.has_directory());
  }

  std::unique_ptr<TestNode> node_;
};

v1::VolumeRequest Request(const TestKind& kind, int64_t bytes, const std::string& key = "",
                          const std::string& value = "") {
  static int counter = 0;
  v1::VolumeRequest request = RequestFor(kind, "v" + std::to_string(counter++), bytes);
  if (!key.empty()) (*request.mutable_parameters())[key] = value;
  return request;
}

TEST_F(PlacementVerdictTest, PoolsThatCan) {
  const std::vector<PoolVerdict> verdicts = Judge(Request(Ext4OnExt4(), 64 * kMiB));
  ASSERT_THAT(verdicts, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(verdicts[i].pool, "pool-" + std::to_string(i));
    EXPECT_TRUE(verdicts[i].asked_for);
    EXPECT_OK(verdicts[i].status);
    EXPECT_EQ(verdicts[i].outline.size_bytes(), 64 * kMiB);
    EXPECT_EQ(verdicts[i].outline.image().fs_type(), "ext4");
    EXPECT_GT(verdicts[i].available_bytes, 512 * kMiB);
    EXPECT_LE(verdicts[i].available_bytes, node_->Statistics(i).total_bytes);
  }
}

TEST_F(PlacementVerdictTest, ComeTrue) {
  ExpectTrue(Request(Ext4OnExt4(), 64 * kMiB));
  ExpectTrue(Request(DirectoryOnBtrfs(), 64 * kMiB));
  ExpectTrue(Request(BlockOnXfs(), 300 * kMiB));
  ExpectTrue(Request(XfsOnExt4(), 1, "provisioning", "thick"));
  ExpectTrue(Request(Ext4OnExt4(), 100 * kGiB));
  ExpectTrue(Request(DirectoryOnBtrfs(), 64 * kMiB, "pool", "pool-0"));
  ExpectTrue(Request(Ext4OnExt4(), 64 * kMiB, "mkfsOptions", "-i 8192"));
  ExpectTrue(Request(Ext4OnExt4(), 64 * kMiB, "mkfsOptions", "-d /etc"));
}

TEST_F(PlacementVerdictTest, NothingIsMadeOrPromised) {
  Judge(Request(Ext4OnExt4(), 64 * kMiB));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(node_->Statistics(i).promised_bytes, 0);
    EXPECT_THAT(node_->Entries("volumes", i), IsEmpty());
  }
}

// Looking must not cost a deleted volume its place.
TEST_F(PlacementVerdictTest, RoomThatDeletedVolumesHoldCountsAndIsNotTaken) {
  v1::VolumeRequest kept = Request(Ext4OnExt4(), 700 * kMiB, "undeleteWindow", "1h");
  (*kept.mutable_parameters())["pool"] = "pool-0";
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(kept));
  ASSERT_OK(node_->Delete(volume));
  EXPECT_OK(Judge(Request(Ext4OnExt4(), 600 * kMiB, "pool", "pool-0"))[0].status);
  EXPECT_THAT(node_->storage().DeletedVolumes(), SizeIs(1));
}

TEST_F(PlacementVerdictTest, EveryPoolSaysWhyNot) {
  const std::vector<PoolVerdict> large = Judge(Request(Ext4OnExt4(), 100 * kGiB));
  for (const PoolVerdict& verdict : large) {
    EXPECT_THAT(verdict.status, StatusIs(absl::StatusCode::kResourceExhausted,
                                         HasSubstr("100 GiB (107374182400 bytes) wanted")));
  }
  const std::vector<PoolVerdict> directory = Judge(Request(DirectoryOnBtrfs(), 64 * kMiB));
  EXPECT_THAT(directory[0].status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                            HasSubstr("can't limit the size of directories: ")));
  EXPECT_OK(directory[1].status);
  const std::vector<PoolVerdict> named = Judge(Request(Ext4OnExt4(), 64 * kMiB, "pool", "pool-1"));
  EXPECT_FALSE(named[0].asked_for);
  EXPECT_THAT(named[0].status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                        HasSubstr("pool \"pool-1\" is asked for")));
  EXPECT_OK(named[1].status);
  ASSERT_OK(node_->disk(0).CutPower());
  EXPECT_TRUE(Eventually(
      [&] { return absl::IsUnavailable(Judge(Request(Ext4OnExt4(), 64 * kMiB))[0].status); }));
}

TEST_F(PlacementVerdictTest, WhatNoPoolCanHaveIsRefusedOutright) {
  EXPECT_THAT(node_->storage().JudgePools(Request(Ext4OnExt4(), 64 * kMiB, "colour", "red")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"colour\"")));
  EXPECT_THAT(node_->storage().JudgePools(Request(BlockOnXfs(), 64 * kMiB, "backend", "directory")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("raw block")));
}

TEST_F(PlacementVerdictTest, CopyStaysWithItsSource) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr source,
                       node_->Create(Request(Ext4OnExt4(), 64 * kMiB, "pool", "pool-1")));
  const std::vector<PoolVerdict> verdicts = Judge(RequestForCopy(Ext4OnExt4(), "copy", source));
  EXPECT_FALSE(verdicts[0].asked_for);
  EXPECT_THAT(verdicts[0].status.message(), HasSubstr("the source is in another pool"));
  EXPECT_OK(verdicts[1].status);
  // The lock of the source is given back.
  EXPECT_OK(node_->Create(RequestForCopy(Ext4OnExt4(), "copy", source)));
}

// A request that contradicts itself is told so, whatever the pools' room.
TEST_F(PlacementVerdictTest, ContradictionComesBeforeRoom) {
  EXPECT_THAT(node_->Create(Request(Ext4OnExt4(), 100 * kGiB, "mkfsOptions", "-d /etc")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mkfsOptions")));
  EXPECT_THAT(node_->Create(Request(Ext4OnExt4(), 100 * kGiB, "inodeLimit", "5")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("inodeLimit")));
}

}  // namespace
}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
//
// Snapshots and copies that can't be.
#include <memory>
#include <string>

#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class SnapshotRefusalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(
        node_, TestNode::Create({FilesystemType::kXfs, FilesystemType::kBtrfs}, 2 * kGiB));
    ASSERT_OK_AND_ASSIGN(image_, node_->Create(On("pool-0", Ext4OnXfs(), "image")));
    ASSERT_OK_AND_ASSIGN(block_, node_->Create(On("pool-0", BlockOnXfs(), "block")));
    ASSERT_OK_AND_ASSIGN(directory_, node_->Create(RequestFor(DirectoryOnBtrfs(), "directory")));
  }

  static v1::VolumeRequest On(const std::string& pool, const TestKind& kind,
                              const std::string& name) {
    return On(pool, RequestFor(kind, name));
  }
  static v1::VolumeRequest On(const std::string& pool, v1::VolumeRequest request) {
    (*request.mutable_parameters())["pool"] = pool;
    return request;
  }
  absl::StatusOr<VolumePtr> Clone(const TestKind& kind, const VolumePtr& source) {
    return node_->Create(RequestForCopy(kind, "clone", source));
  }

  std::unique_ptr<TestNode> node_;
  VolumePtr image_;
  VolumePtr block_;
  VolumePtr directory_;
};

TEST_F(SnapshotRefusalTest, BlockAndFilesystemDoNotBecomeEachOther) {
  EXPECT_THAT(Clone(BlockOnXfs(), image_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has a filesystem")));
  EXPECT_THAT(Clone(Ext4OnXfs(), block_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("raw block")));
  EXPECT_THAT(Clone(BlockOnXfs(), directory_), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node_->Snapshot("s", block_));
  EXPECT_THAT(node_->Create(RequestForCopy(Ext4OnXfs(), "restored", snapshot)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SnapshotRefusalTest, DirectoryAndImageDoNotBecomeEachOther) {
  EXPECT_THAT(Clone(DirectoryOnBtrfs(), image_), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Clone(Ext4OnXfs(), directory_), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SnapshotRefusalTest, OtherFilesystemIsNamed) {
  EXPECT_THAT(Clone(XfsOnExt4(), image_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ext4, not xfs")));
}

TEST_F(SnapshotRefusalTest, NameOfASnapshotOfAnotherVolumeIsTaken) {
  ASSERT_OK(node_->Snapshot("s", image_));
  EXPECT_THAT(node_->Snapshot("s", block_),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("\"s\""), HasSubstr(image_->id()))));
  EXPECT_THAT(node_->Snapshot("s", directory_), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(SnapshotRefusalTest, SourceThatIsNotThereIsNotFound) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node_->Snapshot("s", image_));
  ASSERT_OK(node_->DeleteSnapshot(snapshot));
  ASSERT_OK(node_->Delete(image_));
  EXPECT_THAT(node_->Snapshot("t", image_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Clone(Ext4OnXfs(), image_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(node_->Create(RequestForCopy(Ext4OnXfs(), "r", snapshot)),
              StatusIs(absl::StatusCode::kNotFound));
  for (const std::string id : {"", "nonsense", "../../etc/passwd"}) {
    v1::VolumeRequest request = RequestFor(Ext4OnXfs(), "r");
    request.mutable_content_source()->set_snapshot_id(id);
    EXPECT_THAT(node_->Create(request), StatusIs(absl::StatusCode::kNotFound)) << id;
    request.mutable_content_source()->set_volume_id(id);
    EXPECT_THAT(node_->Create(request), StatusIs(absl::StatusCode::kNotFound)) << id;
  }
}

TEST_F(SnapshotRefusalTest, DirectoryStaysOnItsFilesystem) {
  v1::VolumeRequest request = On("pool-0", RequestForCopy(DirectoryOnBtrfs(), "clone", directory_));
  EXPECT_THAT(node_->Create(request),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("pool-0: can't limit the size of directories")));
}

TEST_F(SnapshotRefusalTest, ImageIsCopiedToANamedPoolWhileItIsNotUsed) {
  ASSERT_OK(WriteContent(*node_, image_, "content"));
  const v1::VolumeRequest request = On("pool-1", RequestForCopy(Ext4OnXfs(), "clone", image_));
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, image_));
    EXPECT_THAT(node_->Create(request), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  ASSERT_OK_AND_ASSIGN(const VolumePtr clone, node_->Create(request));
  EXPECT_EQ(clone->volume_context().at("pool"), "pool-1");
  EXPECT_THAT(ReadContent(*node_, clone), IsOkAndHolds("content"));
}

TEST_F(SnapshotRefusalTest, CopyStaysBesideItsSourceUnlessAPoolIsNamed) {
  // Without its own space the copy would be larger than what is free: the other pool is not asked.
  ASSERT_OK_AND_ASSIGN(const VolumePtr clone, Clone(Ext4OnXfs(), image_));
  EXPECT_EQ(clone->volume_context().at("pool"), "pool-0");
  EXPECT_OK(node_->storage().CheckReady());
}

}  // namespace
}  // namespace nodevol::storage

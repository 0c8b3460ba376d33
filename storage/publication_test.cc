// SPDX-License-Identifier: Apache-2.0
//
// What ControllerPublishVolume and ControllerUnpublishVolume leave in the record.
#include <string>

#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

class PublicationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({FilesystemType::kExt4}));
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(RequestFor(Ext4OnExt4(), "a")));
    publication_.set_node_id("node-1");
    *publication_.mutable_capability() = volume_->request().capabilities(0);
  }

  absl::StatusOr<VolumePtr> Publish() {
    return Await<VolumePtr>([this](Callback<VolumePtr> done) {
      node_->storage().PublishVolume({}, Id(), publication_, std::move(done));
    });
  }
  absl::Status Unpublish(const std::string& node_id) {
    return Await<bool>([&](Callback<bool> done) {
             node_->storage().UnpublishVolume({}, Id(), node_id, AnsweringEmpty(std::move(done)));
           })
        .status();
  }
  [[nodiscard]] VolumeId Id() const { return *VolumeId::Parse(volume_->id()); }
  bool Published() { return (*node_->storage().GetVolume(Id()))->has_publication(); }

  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
  v1::ControllerPublication publication_;
};

TEST_F(PublicationTest, PublicationOutlivesTheDriver) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr published, Publish());
  EXPECT_EQ(published->publication().node_id(), "node-1");
  ASSERT_OK(node_->Reopen());
  EXPECT_TRUE(Published());
  ASSERT_OK(Unpublish("node-1"));
  ASSERT_OK(node_->Reopen());
  EXPECT_FALSE(Published());
}

TEST_F(PublicationTest, RepetitionChangesNothing) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr first, Publish());
  ASSERT_OK_AND_ASSIGN(const VolumePtr second, Publish());
  EXPECT_EQ(second->generation(), first->generation());
  EXPECT_OK(Unpublish("node-1"));
  EXPECT_OK(Unpublish("node-1"));
}

TEST_F(PublicationTest, OtherNodeOrWayIsRefused) {
  ASSERT_OK(Publish());
  publication_.set_readonly(true);
  EXPECT_THAT(Publish(), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("node-1")));
  publication_.set_readonly(false);
  publication_.mutable_capability()->set_access_mode(v1::SINGLE_NODE_MULTI_WRITER);
  EXPECT_THAT(Publish(), StatusIs(absl::StatusCode::kAlreadyExists));
  publication_.set_node_id("node-2");
  EXPECT_THAT(Publish(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("node-1")));
}

TEST_F(PublicationTest, PublishedVolumeIsNotDeleted) {
  ASSERT_OK(Publish());
  EXPECT_THAT(node_->Delete(volume_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                               HasSubstr("published to node node-1")));
  EXPECT_OK(Unpublish("node-2"));
  EXPECT_TRUE(Published());
  // An empty node means all.
  EXPECT_OK(Unpublish(""));
  EXPECT_FALSE(Published());
  EXPECT_OK(node_->Delete(volume_));
}

TEST_F(PublicationTest, VolumeThatIsNotThereIsNotPublished) {
  ASSERT_OK(node_->Delete(volume_));
  EXPECT_THAT(Publish(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(Unpublish("node-1"));
}

TEST_F(PublicationTest, GrowthKeepsThePublication) {
  ASSERT_OK(Publish());
  ASSERT_OK(node_->Expand(volume_, 2 * volume_->size_bytes()));
  EXPECT_TRUE(Published());
  ASSERT_OK(node_->Reopen());
  EXPECT_TRUE(Published());
}

}  // namespace
}  // namespace nodevol::storage

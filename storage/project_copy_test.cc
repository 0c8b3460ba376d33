// SPDX-License-Identifier: Apache-2.0
//
// Snapshots, restores and clones of directories under project quotas: copies of trees.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"

#include "storage/project_ids.h"
#include "storage/project_quota_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"
#include "test/support/project_quota.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using nodevol::testing::WithProjectQuotas;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

class ProjectQuotaCopyTest : public ProjectQuotaFixture {
 protected:
  void SetUp() override {
    ProjectQuotaFixture::SetUp();
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "source")));
    ASSERT_OK(WriteContent(node(), volume_, "before"));
  }
  VolumePtr volume_;
};
INSTANTIATE_ON_PROJECT_QUOTAS(ProjectQuotaCopyTest);

TEST_P(ProjectQuotaCopyTest, VolumeInUseIsNotCopied) {
  ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume_));
  const auto refused =
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("would be no point in time; stop its pods"), HasSubstr("image")));
  EXPECT_THAT(node().Snapshot("s", volume_), refused);
  EXPECT_THAT(node().Create(RequestForCopy(kind(), "clone", volume_)), refused);
  EXPECT_THAT(node().Entries("snapshots"), IsEmpty());
  EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
  EXPECT_EQ(node().Statistics().promised_bytes, volume_->size_bytes());
  ASSERT_OK(used.Release());
  EXPECT_OK(node().Snapshot("s", volume_));
}

TEST_P(ProjectQuotaCopyTest, SnapshotIsCopiedWhileItsSourceIsUsed) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
  ASSERT_OK(used.Write("after"));
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                       node().Create(RequestForCopy(kind(), "restored", snapshot)));
  EXPECT_THAT(ReadContent(node(), restored), IsOkAndHolds("before"));
}

TEST_P(ProjectQuotaCopyTest, EachCopyIsChargedToAProjectOfItsOwn) {
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
    int error = 0;
    ASSERT_EQ(used.Fill("big", 16 * kMiB, error), 16 * kMiB);
    ASSERT_EQ(::link((used.path() + "/big").c_str(), (used.path() + "/again").c_str()), 0);
    ASSERT_EQ(::mkfifo((used.path() + "/pipe").c_str(), 0600), 0);
    ASSERT_EQ(::symlink("big", (used.path() + "/link").c_str()), 0);
  }
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  const uint32_t of_snapshot = snapshot->directory().project_id();
  EXPECT_NE(of_snapshot, volume_->directory().project_id());
  EXPECT_EQ(QuotaOf(of_snapshot).used_inodes, QuotaOf(volume_).used_inodes);
  EXPECT_THAT(QuotaOf(of_snapshot).used_bytes, AllOf(Ge(16 * kMiB), Le(17 * kMiB)));
  EXPECT_GE(snapshot->pinned_bytes(), QuotaOf(of_snapshot).used_bytes);

  ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                       node().Create(RequestForCopy(kind(), "restored", snapshot)));
  EXPECT_NE(restored->directory().project_id(), of_snapshot);
  EXPECT_EQ(QuotaOf(restored).used_inodes, QuotaOf(volume_).used_inodes);
  EXPECT_EQ(QuotaOf(restored).limits.bytes, kind().bytes);
  ASSERT_OK(node().DeleteSnapshot(snapshot));
  EXPECT_TRUE(Eventually([&] { return QuotaOf(of_snapshot).Unknown(); }));
}

TEST_P(ProjectQuotaCopyTest, FullVolumeIsCopiedAndItsCopyIsFullToo) {
  int error = 0;
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
    used.Fill("big", 2 * kind().bytes, error);
    ASSERT_THAT(error, AnyOf(ENOSPC, EDQUOT));
  }
  ASSERT_OK_AND_ASSIGN(const VolumePtr clone,
                       node().Create(RequestForCopy(kind(), "clone", volume_)));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), clone));
  EXPECT_LE(used.Fill("more", kind().bytes, error), kMiB);
  EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT));
}

TEST_P(ProjectQuotaCopyTest, CopyThatHasNoRoomLeavesNothing) {
  if (kind().pool == FilesystemType::kXfs) return;  // its copies share blocks
  {
    ASSERT_OK_AND_ASSIGN(const VolumePtr large,
                         node().Create(RequestFor(kind(), "large", 600 * kMiB)));
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), large));
    int error = 0;
    ASSERT_EQ(used.Fill("big", 500 * kMiB, error), 500 * kMiB);
    volume_ = large;
  }
  EXPECT_THAT(node().Snapshot("s", volume_),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no room")));
  EXPECT_THAT(node().Entries("snapshots"), IsEmpty());
  EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
}

// Which pool a class that says `auto` leads to.
class ProjectQuotaPlacementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_PROJECT_QUOTAS(FilesystemType::kXfs);
    ASSERT_OK_AND_ASSIGN(node_,
                         TestNode::Create({WithProjectQuotas(FilesystemType::kXfs, kGiB),
                                           {.type = FilesystemType::kExt4, .bytes = 2 * kGiB}}));
    request_ = RequestFor(DirectoryOnXfs(), "a");
    request_.mutable_parameters()->clear();
  }
  std::unique_ptr<TestNode> node_;
  v1::VolumeRequest request_;
};

TEST_F(ProjectQuotaPlacementTest, AutoIsDecidedByThePool) {
  (*request_.mutable_parameters())["pool"] = "pool-0";
  EXPECT_TRUE((*node_->Create(request_))->has_directory());
  request_.set_name("b");
  (*request_.mutable_parameters())["pool"] = "pool-1";
  EXPECT_TRUE((*node_->Create(request_))->has_image());
  request_.set_name("c");
  request_.mutable_parameters()->clear();
  EXPECT_TRUE((*node_->Create(request_))->has_image()) << "the pool with most room";
}

TEST_F(ProjectQuotaPlacementTest, SizeThatOnlyADirectoryHasGoesToThePoolThatHasThem) {
  // Less than the smallest ext4.
  request_.mutable_capacity_range()->set_required_bytes(2 * kMiB);
  request_.mutable_capacity_range()->set_limit_bytes(4 * kMiB);
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(request_));
  EXPECT_TRUE(volume->has_directory());
  EXPECT_EQ(volume->size_bytes(), 2 * kMiB);
  const auto capacity = node_->storage().GetCapacity(
      {.parameters = {},
       .capabilities = {request_.capabilities().begin(), request_.capabilities().end()}});
  ASSERT_OK(capacity);
  EXPECT_EQ(capacity->minimum_volume, kMiB);
  request_.set_name("b");
  (*request_.mutable_parameters())["pool"] = "pool-1";
  EXPECT_THAT(node_->Create(request_), StatusIs(absl::StatusCode::kOutOfRange));
}

class ProjectQuotaTwoPoolsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_PROJECT_QUOTAS(FilesystemType::kXfs);
    SKIP_WITHOUT_PROJECT_QUOTAS(FilesystemType::kExt4);
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({WithProjectQuotas(FilesystemType::kXfs, kGiB),
                                                  WithProjectQuotas(FilesystemType::kExt4, kGiB)}));
  }
  static v1::VolumeRequest On(const std::string& pool, v1::VolumeRequest request) {
    (*request.mutable_parameters())["pool"] = pool;
    return request;
  }
  std::unique_ptr<TestNode> node_;
};

TEST_F(ProjectQuotaTwoPoolsTest, DirectoryIsCopiedToThePoolThatIsNamed) {
  for (const auto& [from, to] : {std::pair("pool-0", "pool-1"), {"pool-1", "pool-0"}}) {
    ASSERT_OK_AND_ASSIGN(const VolumePtr source,
                         node_->Create(On(from, RequestFor(DirectoryOnXfs(), from))));
    ASSERT_OK(WriteContent(*node_, source, from));
    ASSERT_OK_AND_ASSIGN(
        const VolumePtr copy,
        node_->Create(On(to, RequestForCopy(DirectoryOnXfs(), absl::StrCat("to-", to), source))));
    EXPECT_EQ(copy->volume_context().at("pool"), to);
    EXPECT_THAT(ReadContent(*node_, copy), IsOkAndHolds(from));
  }
}

}  // namespace
}  // namespace nodevol::storage

// SPDX-License-Identifier: Apache-2.0
//
// Which pool of a node a volume goes to, and what is said when there is none.
#include <memory>
#include <string>

#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PlacementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({FilesystemType::kExt4, FilesystemType::kXfs}));
  }

  static v1::VolumeRequest Request(const std::string& name, int64_t bytes,
                                   const std::string& pool = "") {
    v1::VolumeRequest request = RequestFor(Ext4OnXfs(), name, bytes);
    if (!pool.empty()) (*request.mutable_parameters())["pool"] = pool;
    return request;
  }
  static std::string PoolOf(const absl::StatusOr<VolumePtr>& volume) {
    EXPECT_OK(volume);
    return volume.ok() ? (*volume)->volume_context().at("pool") : "";
  }
  size_t Fuller() { return node_->Available(0) < node_->Available(1) ? 0 : 1; }

  std::unique_ptr<TestNode> node_;
};

auto Exhausted(const std::string& why) {
  return StatusIs(absl::StatusCode::kResourceExhausted,
                  AllOf(HasSubstr("node node-1 can't hold the volume"), HasSubstr(why)));
}

TEST_F(PlacementTest, PoolWithMostRoomIsChosen) {
  for (int i = 0; i < 4; ++i) {
    const std::string wanted = Fuller() == 0 ? "pool-1" : "pool-0";
    EXPECT_EQ(PoolOf(node_->Create(Request("v" + std::to_string(i), 150 * kMiB))), wanted) << i;
  }
  EXPECT_THAT(node_->Entries("volumes", 0), Not(IsEmpty()));
  EXPECT_THAT(node_->Entries("volumes", 1), Not(IsEmpty()));
}

TEST_F(PlacementTest, NamedPoolIsObeyed) {
  const std::string fuller = "pool-" + std::to_string(Fuller());
  EXPECT_EQ(PoolOf(node_->Create(Request("a", 64 * kMiB, fuller))), fuller);
  EXPECT_EQ(PoolOf(node_->Create(Request("b", 64 * kMiB, fuller))), fuller);
}

TEST_F(PlacementTest, PoolThatTheNodeDoesNotHaveIsSaidSo) {
  EXPECT_THAT(node_->Create(Request("a", 64 * kMiB, "nvme")),
              Exhausted("it has no pool \"nvme\", only"));
  EXPECT_THAT(node_->Create(Request("a", 64 * kMiB, "nvme")),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("pool-0"), HasSubstr("pool-1"))));
}

TEST_F(PlacementTest, RetryFindsTheVolumeInWhicheverPool) {
  const v1::VolumeRequest request = Request("a", 300 * kMiB);
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(request));
  // Now the other pool has most room.
  EXPECT_NE("pool-" + std::to_string(1 - Fuller()), volume->volume_context().at("pool"));
  EXPECT_THAT(node_->Create(request), IsOkAndHolds(volume));
  ASSERT_OK(node_->Reopen());
  ASSERT_OK_AND_ASSIGN(const VolumePtr again, node_->Create(request));
  EXPECT_EQ(again->id(), volume->id());
}

TEST_F(PlacementTest, NameIsTakenInAllPools) {
  ASSERT_OK(node_->Create(Request("a", 64 * kMiB, "pool-0")));
  EXPECT_THAT(node_->Create(Request("a", 64 * kMiB, "pool-1")),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(PlacementTest, FullNodeNamesEveryPoolAndItsReason) {
  EXPECT_THAT(node_->Create(Request("a", 100 * kGiB)),
              Exhausted("pool-0: 100 GiB (107374182400 bytes) wanted"));
  EXPECT_THAT(node_->Create(Request("a", 100 * kGiB)),
              Exhausted("pool-1: 100 GiB (107374182400 bytes) wanted"));
  EXPECT_EQ(node_->Statistics(0).promised_bytes, 0);
  EXPECT_EQ(node_->Statistics(1).promised_bytes, 0);
}

TEST_F(PlacementTest, PoolThatCanNotLimitDirectoriesHoldsNone) {
  const v1::VolumeRequest request = RequestFor(DirectoryOnBtrfs(), "a");
  EXPECT_THAT(node_->Create(request), Exhausted("pool-0: can't limit the size of directories"));
  EXPECT_THAT(node_->Create(request), Exhausted("pool-1: can't limit the size of directories"));
}

TEST_F(PlacementTest, PoolThatIsTooSmallIsPassedOver) {
  // The fuller pool is asked last, and the one before it has no room.
  ASSERT_OK(node_->Create(Request("a", 500 * kMiB)));
  ASSERT_OK(node_->Create(Request("b", 500 * kMiB)));
  const int64_t most = std::max(node_->Available(0), node_->Available(1));
  EXPECT_OK(node_->Create(Request("c", most / kMiB * kMiB)));
  EXPECT_THAT(node_->Create(Request("d", 800 * kMiB)), Exhausted("available"));
}

TEST_F(PlacementTest, FailedPoolIsPassedOver) {
  const size_t emptier = 1 - Fuller();
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(Request("a", 64 * kMiB)));
  EXPECT_EQ(volume->volume_context().at("pool"), "pool-" + std::to_string(emptier));
  ASSERT_OK(node_->disk(emptier).CutPower());
  EXPECT_FALSE(node_->Delete(volume).ok());
  EXPECT_EQ(PoolOf(node_->Create(Request("b", 64 * kMiB))), "pool-" + std::to_string(1 - emptier));
  EXPECT_THAT(node_->storage().CheckReady(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(PlacementTest, IdOfAnUnknownPoolIsNotTakenForDeleted) {
  const VolumeId elsewhere = VolumeId::ForName(std::string(kUuidCharacters, 'f'), "a");
  EXPECT_THAT(node_->DeleteId(elsewhere),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(elsewhere.text())));
  EXPECT_THAT(node_->storage().GetVolume(elsewhere), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(node_->storage().Serves(elsewhere.text()));
}

TEST_F(PlacementTest, PathsInPoolsAreKnown) {
  const std::string& path = node_->disk(0).path();
  EXPECT_TRUE(node_->storage().IsInPool(path));
  EXPECT_TRUE(node_->storage().IsInPool(path + "/volumes"));
  EXPECT_FALSE(node_->storage().IsInPool(path + "0"));
  EXPECT_FALSE(node_->storage().IsInPool("/mnt"));
}

// A volume that is made but can never be mounted is the worst of both.
TEST_F(PlacementTest, MountFlagOfAnotherFilesystemMakesNoVolume) {
  v1::VolumeRequest request = Request("a", 64 * kMiB);
  request.mutable_parameters()->erase("csi.storage.k8s.io/fstype");
  request.mutable_capabilities(0)->mutable_mount()->clear_fs_type();
  request.mutable_capabilities(0)->mutable_mount()->add_mount_flags("logbsize=64k");
  EXPECT_THAT(node_->Create(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not allowed for ext4")));
  EXPECT_EQ(node_->storage().FindVolume("a"), nullptr);
  EXPECT_THAT(node_->Entries(".nodevol/staging", 0), IsEmpty());
  EXPECT_THAT(node_->Entries(".nodevol/staging", 1), IsEmpty());
}

}  // namespace
}  // namespace nodevol::storage

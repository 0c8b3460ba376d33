// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with volumes and pools is seen, has a stable reason, and goes when it is mended.
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::StatusIs;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "INACCESSIBLE PoolFailed", for comparison.
std::vector<std::string> Names(const std::vector<HealthCondition>& conditions) {
  std::vector<std::string> names;
  for (const HealthCondition& condition : conditions) {
    names.push_back(absl::StrCat(HealthStatusName(condition.status), " ", condition.reason));
  }
  return names;
}

class HealthTest : public ::testing::Test {
 protected:
  void Make(const TestKind& kind) {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({kind.pool, FilesystemType::kExt4}));
    v1::VolumeRequest request = RequestFor(kind, "a");
    (*request.mutable_parameters())["pool"] = "pool-0";
    ASSERT_OK_AND_ASSIGN(volume_, node_->Create(request));
    request = RequestFor(Ext4OnExt4(), "b");
    (*request.mutable_parameters())["pool"] = "pool-1";
    ASSERT_OK_AND_ASSIGN(other_, node_->Create(request));
    EXPECT_THAT(Of(volume_), IsEmpty());
  }
  std::vector<std::string> Of(const VolumePtr& volume) {
    const auto health = node_->storage().GetVolumeHealth(*VolumeId::Parse(volume->id()));
    if (!health.ok()) return {health.status().ToString()};
    return Names(health->conditions);
  }
  std::vector<std::string> Ill() {
    std::vector<std::string> ids;
    for (const VolumeHealth& health : node_->storage().ListVolumeHealth({}).entries) {
      ids.push_back(health.volume_id);
    }
    return ids;
  }
  // What the volume's mount shows now.
  std::vector<std::string> Examined() {
    std::vector<std::string> names;
    EXPECT_OK(node_->OnVolume(volume_, [&](LocalVolume& volume) {
      names = Names(volume.engine.Examine(*volume.record));
      return absl::OkStatus();
    }));
    return names;
  }

  std::unique_ptr<TestNode> node_;
  VolumePtr volume_;
  VolumePtr other_;
};

TEST_F(HealthTest, DiskThatIsAwayMakesItsVolumesInaccessibleAndNoOthers) {
  Make(Ext4OnXfs());
  ASSERT_EQ(::umount2(node_->disk().path().c_str(), MNT_DETACH), 0);
  EXPECT_THAT(Of(volume_), ElementsAre("INACCESSIBLE PoolNotMounted"));
  EXPECT_THAT(Of(other_), IsEmpty());
  EXPECT_THAT(Ill(), ElementsAre(volume_->id()));
  ASSERT_EQ(node_->storage().UnhealthyPools().size(), 1U);
  EXPECT_EQ(node_->storage().UnhealthyPools()[0].pool, "pool-0");
  ASSERT_OK(node_->disk().Mount());
  EXPECT_TRUE(Eventually([&] { return Of(volume_).empty() && Ill().empty(); }));
}

TEST_F(HealthTest, DiskThatFailsIsSaidToHaveFailed) {
  Make(Ext4OnXfs());
  ASSERT_OK(node_->disk().CutPower());
  ASSERT_TRUE(Eventually([&] { return !Of(volume_).empty(); }));
  EXPECT_TRUE(Eventually(
      [&] { return Of(volume_) == std::vector<std::string>{"INACCESSIBLE PoolFailed"}; }));
}

TEST_F(HealthTest, PoolThatCouldNotBeOpenedIsNamed) {
  Make(Ext4OnXfs());
  node_->Close();
  ASSERT_OK(node_->disk().Unmount());
  ASSERT_OK(node_->Open());
  ASSERT_EQ(node_->storage().UnhealthyPools().size(), 1U);
  EXPECT_THAT(Names(node_->storage().UnhealthyPools()[0].conditions),
              ElementsAre("INACCESSIBLE PoolNotOpen"));
  ASSERT_OK(node_->disk().Mount());
}

TEST_F(HealthTest, DamagedRecordIsNoDataLoss) {
  Make(Ext4OnXfs());
  node_->Close();
  const std::string record = node_->PathOf(volume_) + "/record";
  const std::string saved = record + ".saved";
  std::filesystem::copy_file(record, saved);
  std::ofstream(record, std::ios::app) << "x";
  ASSERT_OK(node_->Open());
  EXPECT_THAT(Of(volume_), ElementsAre("INACCESSIBLE RecordDamaged"));
  EXPECT_THAT(Ill(), ElementsAre(volume_->id()));
  node_->Close();
  std::filesystem::remove(record);
  ASSERT_OK(node_->Open());
  EXPECT_THAT(Of(volume_), ElementsAre("INACCESSIBLE RecordDamaged"));
  // Put back from a backup, all is well.
  node_->Close();
  std::filesystem::rename(saved, record);
  ASSERT_OK(node_->Open());
  EXPECT_THAT(Of(volume_), IsEmpty());
}

TEST_F(HealthTest, ContentThatIsGoneIsDataLoss) {
  Make(Ext4OnXfs());
  node_->Close();
  std::filesystem::remove(node_->PathOf(volume_) + "/image");
  ASSERT_OK(node_->Open());
  EXPECT_THAT(Of(volume_), ElementsAre("DATA_LOSS ContentMissing"));
}

TEST_F(HealthTest, LimitThatIsGoneIsSeen) {
  Make(DirectoryOnBtrfs());
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
  ASSERT_OK(node_->Reopen());  // a start finds the mount
  EXPECT_THAT(Examined(), IsEmpty());
  ASSERT_OK_AND_ASSIGN(const UniqueFd data, host::OpenPath(used.path(), O_RDONLY | O_DIRECTORY));
  ASSERT_OK_AND_ASSIGN(const host::SubvolumeId id, host::SubvolumeOf(data.get()));
  ASSERT_OK(host::SetQuotaLimit(data.get(), {1, id}, std::nullopt));
  EXPECT_THAT(Examined(), ElementsAre("DEGRADED QuotaMissing"));
}

TEST_F(HealthTest, ErrorsOfTheFilesystemInAnImageAreSeen) {
  Make(Ext4OnXfs());
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
  ASSERT_OK(node_->Reopen());
  EXPECT_THAT(Examined(), IsEmpty());
  ASSERT_TRUE(used.loop().has_value());
  ASSERT_EQ(::mount(nullptr, used.path().c_str(), nullptr, MS_REMOUNT, "errors=remount-ro"), 0);
  std::ofstream(absl::StrCat("/sys/fs/ext4/loop", *used.loop(), "/trigger_fs_error"))
      << "a test" << std::flush;
  EXPECT_THAT(Examined(), Contains("DEGRADED FilesystemErrors"));
  // The reaper looks once a minute, and at a start.
  ::testing::internal::CaptureStderr();
  ASSERT_OK(node_->Reopen());
  EXPECT_TRUE(Eventually([&] { return !Of(volume_).empty(); }));
  EXPECT_THAT(Ill(), ElementsAre(volume_->id()));
  ASSERT_OK(node_->Reopen());  // the reaper has ended
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ContainsRegex(absl::StrCat("something is wrong with a volume in use .*volume_id=",
                                         volume_->id(), " reason=FilesystemErrors")));
}

TEST_F(HealthTest, FilesystemInAnImageThatHasShutDownIsSeen) {
  Make(XfsOnExt4());
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volume_));
  ASSERT_OK(node_->Reopen());
  EXPECT_THAT(Examined(), IsEmpty());
  ASSERT_OK(nodevol::testing::ShutFilesystemDown(used.path()));
  EXPECT_THAT(Examined(), ElementsAre("INACCESSIBLE FilesystemShutDown"));
  // It is the volume's trouble, not the pool's.
  EXPECT_OK(node_->storage().CheckReady());
}

TEST_F(HealthTest, VolumesThatDoNotExistAreNotFound) {
  Make(Ext4OnXfs());
  EXPECT_THAT(node_->storage().GetVolumeHealth(VolumeId::ForName(node_->PoolUuid(), "nobody")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(HealthConditionTest, OnlyWhatIsGoneForGoodIsDataLoss) {
  EXPECT_EQ(ConditionOfDamage(ErrnoStatus(ENOENT, "open image")).status, HealthStatus::kDataLoss);
  for (const absl::Status& damage :
       {ErrnoStatus(EIO, "open image"), ErrnoStatus(ENOTDIR, "open"), absl::DataLossError("bits"),
        WithReason(absl::FailedPreconditionError("no quota"), kQuotaMissing)}) {
    EXPECT_EQ(ConditionOfDamage(damage).status, HealthStatus::kInaccessible) << damage;
  }
}

}  // namespace
}  // namespace nodevol::storage

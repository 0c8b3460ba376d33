// SPDX-License-Identifier: Apache-2.0
//
// Inline volumes of pods that are gone: deleted when that is certain, and never otherwise.
#include "node/inline_garbage.h"

#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/status_macros.h"
#include "node/inline_fixture.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using ::testing::SizeIs;

class InlineGarbageTest : public InlineFixture {
 protected:
  InlineGarbageTest() : InlineFixture(DirectoryOnBtrfs()) {}

  // The node ends, and kubelet, when it is back, knows nothing of the pod any more.
  void LosePod(const std::string& uid = "uid-1") {
    ASSERT_OK(world_->Reboot());
    std::filesystem::remove_all(kubelet_ + "/pods/" + uid);
  }
  // Beside the handler's own, which a start begins with.
  int Collect() { return CollectInlineVolumes(world_->storage()); }
  // OK once so many volumes are left and nobody works on the pod's any more.
  absl::Status AwaitVolumes(size_t count) {
    return testing::Eventually([&]() -> absl::Status {
      RETURN_IF_ERROR(world_->storage().LockInlineVolume(Id()).status());
      if (Volumes().size() == count) return absl::OkStatus();
      return absl::InternalError(absl::StrCat(Volumes().size(), " volumes are there"));
    });
  }
};

TEST_F(InlineGarbageTest, VolumeOfAPodThatIsGoneIsDeleted) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(Publish(Target("uid-2"), Id('b')));
  ASSERT_OK(WriteContent(Target("uid-2"), "content"));
  LosePod();
  Collect();
  EXPECT_OK(AwaitVolumes(1));
  EXPECT_EQ(Collect(), 0);
  ASSERT_OK(Publish(Target("uid-2"), Id('b')));
  EXPECT_THAT(ReadContent(Target("uid-2")), IsOkAndHolds("content"));
}

TEST_F(InlineGarbageTest, AStartLooksForThem) {
  ASSERT_OK(Publish(Target()));
  LosePod();
  ASSERT_OK(world_->Restart());
  EXPECT_OK(AwaitVolumes(0));
}

TEST_F(InlineGarbageTest, VolumeOfAPodThatIsThereStays) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(world_->Reboot());
  EXPECT_EQ(Collect(), 0);
  // kubelet removes this much when a publish fails, and tries again.
  std::filesystem::remove_all(kubelet_ + "/pods/uid-1/volumes");
  EXPECT_EQ(Collect(), 0);
  EXPECT_THAT(Volumes(), SizeIs(1));
}

TEST_F(InlineGarbageTest, VolumeThatIsMountedStays) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  const std::string moved = kubelet_ + "/pods/moved";
  ASSERT_EQ(::rename((kubelet_ + "/pods/uid-1").c_str(), moved.c_str()), 0);
  // As a start sees it: the mount is where it is now.
  ASSERT_OK(world_->Restart());
  EXPECT_EQ(Collect(), 0);
  EXPECT_THAT(ReadContent(moved + "/volumes/kubernetes.io~csi/scratch/mount"),
              IsOkAndHolds("content"));
  ASSERT_EQ(::rename(moved.c_str(), (kubelet_ + "/pods/uid-1").c_str()), 0);
}

TEST_F(InlineGarbageTest, WithoutKubeletsDiskNothingIsCertain) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(world_->Reboot());
  const std::string aside = testing::NewDirectory() + "/pods";
  ASSERT_EQ(::rename((kubelet_ + "/pods").c_str(), aside.c_str()), 0);
  EXPECT_EQ(Collect(), 0);
  ASSERT_OK(world_->Restart());
  EXPECT_EQ(Collect(), 0);
  EXPECT_THAT(Volumes(), SizeIs(1));
  ASSERT_EQ(::rename(aside.c_str(), (kubelet_ + "/pods").c_str()), 0);
}

TEST_F(InlineGarbageTest, VolumeOfAnotherCosPathStays) {
  const std::string job = testing::NewDirectory() + "/jobs/1";
  const std::string parent = job + "/volumes/csi/scratch";
  std::filesystem::create_directories(parent);
  ASSERT_OK(Publish(parent + "/mount"));
  ASSERT_OK(world_->Reboot());
  std::filesystem::remove_all(job);
  EXPECT_EQ(Collect(), 0);
  EXPECT_THAT(Volumes(), SizeIs(1));
}

TEST_F(InlineGarbageTest, VolumeThatIsWorkedOnStays) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(world_->Reboot());
  {
    ASSERT_OK_AND_ASSIGN(const KeyedMutex::Lock busy, world_->storage().LockInlineVolume(Id()));
    std::filesystem::remove_all(kubelet_ + "/pods/uid-1");
    EXPECT_EQ(Collect(), 0);
    EXPECT_THAT(Volumes(), SizeIs(1));
  }
  Collect();
  EXPECT_OK(AwaitVolumes(0));
}

TEST_F(InlineGarbageTest, VolumesThatAreNotInlineStay) {
  ASSERT_OK_AND_ASSIGN(const std::string managed,
                       world_->CreateVolume("managed", Mode::SINGLE_NODE_WRITER));
  EXPECT_EQ(Collect(), 0);
  EXPECT_OK(world_->Delete(managed));
}

TEST_F(InlineGarbageTest, OnlyKubeletsPathsSayThatAPodIsGone) {
  const std::string pods = kubelet_ + "/pods";
  const std::string below = "/volumes/kubernetes.io~csi/scratch/mount";
  (void)Target();
  EXPECT_FALSE(PodIsGone(pods + "/uid-1" + below));
  EXPECT_TRUE(PodIsGone(pods + "/uid-2" + below));
  EXPECT_FALSE(PodIsGone(kubelet_ + "/none/pods/uid-2" + below));
  EXPECT_FALSE(PodIsGone(kubelet_ + "/uid-2" + below));
  EXPECT_FALSE(PodIsGone(pods + "/uid-2/volumes/kubernetes.io~nfs/scratch/mount"));
  EXPECT_FALSE(PodIsGone(pods + "/uid-2/volumes/kubernetes.io~csi/scratch/other"));
  EXPECT_FALSE(PodIsGone(pods + "/uid-2/volumes/kubernetes.io~csi/mount"));
  EXPECT_FALSE(PodIsGone("/pods"));
  EXPECT_FALSE(PodIsGone("/mount"));
  EXPECT_FALSE(PodIsGone(""));
  EXPECT_FALSE(PodIsGone("pods/uid-2" + below));
}

}  // namespace
}  // namespace nodevol::node

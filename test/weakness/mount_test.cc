// SPDX-License-Identifier: Apache-2.0
//
// Weaknesses of mounts and devices: taken away under a pod, left behind, lost.
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

#include "test/support/pool_leftovers.h"
#include "test/support/sandbox.h"
#include "test/weakness/weakness_fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;

constexpr char kContent[] = "content";

TEST_F(Weakness, W06_DeleteOfAPublishedVolumeIsRefused) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodWith("volume", kContent));
  EXPECT_THAT(client().Delete(pod.volume_id()), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(pod.Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  // The pod can end, and nothing is left.
  EXPECT_OK(pod.Stop(client()));
  EXPECT_FALSE(IsMounted(pod.staging()));
  EXPECT_OK(client().Delete(pod.volume_id()));
}

TEST_F(Weakness, W07_UnpublishDeletesNobodysFiles) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodWith("volume", kContent));
  ASSERT_EQ(::mount("foreign", pod.target().c_str(), "tmpfs", 0, nullptr), 0);
  client().Unpublish(pod.volume_id(), pod.target()).IgnoreError();
  ASSERT_EQ(::umount(pod.target().c_str()), 0) << "the foreign mount was taken down";
  EXPECT_THAT(pod.Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  ASSERT_EQ(::umount(pod.target().c_str()), 0);
  std::ofstream(pod.target() + "/precious") << "somebody's";
  client().Unpublish(pod.volume_id(), pod.target()).IgnoreError();
  EXPECT_THAT(NamesIn(pod.target()), ElementsAre("precious"));
  ASSERT_EQ(::unlink((pod.target() + "/precious").c_str()), 0);
  ASSERT_OK(pod.Start(client()));
  EXPECT_THAT(pod.Read("content", sizeof(kContent) - 1), IsOkAndHolds(kContent));
}

TEST_F(Weakness, W08_PublishThatWasKilledIsUndone) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPod("volume"));
  const auto publish = [&] {
    return client().Publish(pod.volume_id(), pod.staging(), pod.target());
  };
  int kills = 0;
  // At the mount, and at everything that is closed before and after it.
  for (const char* const system_call : {"move_mount", "close"}) {
    bool killed = true;
    for (int n = 1; killed; ++n) {
      ASSERT_OK(client().Unpublish(pod.volume_id(), pod.target()));
      ASSERT_NE(::access(pod.target().c_str(), F_OK), 0) << "the target is left";
      killed = KillDuring(system_call, n, publish);
      kills += killed ? 1 : 0;
    }
    EXPECT_OK(publish());
  }
  EXPECT_GT(kills, 2);
  EXPECT_OK(pod.Stop(client()));
  EXPECT_OK(client().Delete(pod.volume_id()));
}

TEST_F(Weakness, W09_DeviceThatWasBeingMadeIsNotLeft) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPod("volume"));
  ASSERT_OK(pod.Stop(client()));
  const auto only_the_pools = [] {
    const int loops = Leftovers::Now().loops;
    return loops == 1 ? absl::OkStatus()
                      : absl::InternalError(absl::StrCat(loops - 1, " loop devices are left"));
  };
  int kills = 0;
  while (KillDuring("ioctl", kills + 1,
                    [&] { return client().Stage(pod.volume_id(), pod.staging()); })) {
    ++kills;
    ASSERT_OK(client().Unstage(pod.volume_id(), pod.staging()));
    ASSERT_OK(Eventually(only_the_pools)) << "after " << kills;
  }
  EXPECT_GT(kills, 0);
  ASSERT_OK(client().Unstage(pod.volume_id(), pod.staging()));
  EXPECT_OK(client().Delete(pod.volume_id()));
  EXPECT_OK(CheckPoolEmpty(node().disk()));
}

TEST_F(Weakness, W13_BlockVolumeSurvivesAReboot) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodWith("volume", kContent));
  // Mounts and loop devices are gone, the files that they were mounted on are not.
  node().driver().Kill();
  ASSERT_EQ(::umount(pod.target().c_str()), 0);
  ASSERT_EQ(::umount((pod.staging() + "/device").c_str()), 0);
  ASSERT_OK(DetachOwnLoops(node().disk().loop_number()));
  ASSERT_OK(node().Start());
  ASSERT_OK(pod.Start(client()));
  EXPECT_THAT(pod.Read("", sizeof(kContent) - 1), IsOkAndHolds(kContent));
  EXPECT_OK(pod.Stop(client()));
  EXPECT_OK(client().Delete(pod.volume_id()));
}

}  // namespace
}  // namespace nodevol::testing

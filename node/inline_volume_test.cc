// SPDX-License-Identifier: Apache-2.0
//
// Inline volumes: made when they are published, gone when they are unpublished.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "node/inline_fixture.h"
#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::Leftovers;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InlineVolumeTest : public InlineFixture {};
INSTANTIATE_FOR_KINDS(InlineVolumeTest, MountKinds());

TEST_P(InlineVolumeTest, LivesFromPublishToUnpublish) {
  const Leftovers before = Leftovers::Now();
  ASSERT_OK(Publish(Target()));
  EXPECT_TRUE(IsMountRoot(Target()));
  EXPECT_THAT(Volumes(), SizeIs(1));
  ASSERT_OK(WriteContent(Target(), "content"));
  for (int i = 0; i < 3; ++i) EXPECT_OK(Unpublish(Target()));
  EXPECT_NE(::access(Target().c_str(), F_OK), 0);
  EXPECT_THAT(Volumes(), IsEmpty());
  EXPECT_EQ(Leftovers::Now().mounts, before.mounts);
  // The same id again is a new volume.
  ASSERT_OK(Publish(Target()));
  EXPECT_NE(::access((Target() + "/content").c_str(), F_OK), 0);
}

TEST_P(InlineVolumeTest, PublishIsRepeatable) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  const int mounts = Leftovers::Now().mounts;
  for (int i = 0; i < 2; ++i) EXPECT_OK(Publish(Target()));
  EXPECT_EQ(Leftovers::Now().mounts, mounts);
  EXPECT_THAT(Volumes(), SizeIs(1));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

TEST_P(InlineVolumeTest, OtherRequestsForTheSameIdAreRefusedAndChangeNothing) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  EXPECT_THAT(Publish(Target("uid-2")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Target())));
  csi::v1::NodePublishVolumeRequest other = Request(Target());
  other.set_readonly(true);
  EXPECT_THAT(Publish(other), StatusIs(absl::StatusCode::kAlreadyExists));
  other = Request(Target());
  (*other.mutable_volume_context())["size"] = "400Mi";
  EXPECT_THAT(Publish(other), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("size")));
  other = Request(Target());
  (*other.mutable_volume_context())["mode"] = "0700";
  EXPECT_THAT(Publish(other), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("parameters")));
  // What Kubernetes adds may change.
  other = Request(Target());
  (*other.mutable_volume_context())["csi.storage.k8s.io/pod.name"] = "another";
  EXPECT_OK(Publish(other));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

TEST_P(InlineVolumeTest, ReadOnlyIsHonoured) {
  csi::v1::NodePublishVolumeRequest request = Request(Target());
  request.set_readonly(true);
  ASSERT_OK(Publish(request));
  EXPECT_THAT(WriteContent(Target(), "content"), ErrnoIs(EROFS));
  EXPECT_OK(Publish(request));
}

TEST_P(InlineVolumeTest, SizeIsThatOfTheAttribute) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK_AND_ASSIGN(const auto stats, Stats(Target()));
  EXPECT_LE(stats.usage(0).total(), 320 * kMiB);
  EXPECT_GE(stats.usage(0).total(), 200 * kMiB);
  csi::v1::NodePublishVolumeRequest by_default = Request(Target("uid-2"), Id('b'));
  by_default.mutable_volume_context()->erase("size");
  ASSERT_OK(Publish(by_default));
  ASSERT_OK_AND_ASSIGN(const auto larger, Stats(Target("uid-2"), Id('b')));
  EXPECT_LE(larger.usage(0).total(), kGiB);
  EXPECT_GE(larger.usage(0).total(), 900 * kMiB);
}

TEST_P(InlineVolumeTest, StatsAreByIdAndTarget) {
  ASSERT_OK(Publish(Target()));
  EXPECT_OK(Stats(Target()));
  for (const auto& [path, id] : {std::pair(kubelet_, Id()), std::pair(Target(), Id('b')),
                                 std::pair(Target(), std::string("csi-unknown"))}) {
    EXPECT_THAT(Stats(path, id), StatusIs(absl::StatusCode::kNotFound)) << path << " " << id;
  }
}

TEST_P(InlineVolumeTest, VolumesOfTwoPodsAreTwo) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(Publish(Target("uid-2"), Id('b')));
  ASSERT_OK(WriteContent(Target(), "one"));
  ASSERT_OK(WriteContent(Target("uid-2"), "two"));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("one"));
  EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(ReadContent(Target("uid-2")), IsOkAndHolds("two"));
  EXPECT_THAT(Volumes(), SizeIs(1));
}

TEST_P(InlineVolumeTest, UnpublishOfAnotherTargetDeletesNothing) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  EXPECT_OK(Unpublish(Target("uid-2")));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

TEST_P(InlineVolumeTest, VolumeWhoseMountWasTakenAwayIsMountedAgainOrDeleted) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  ASSERT_EQ(::umount(Target().c_str()), 0);
  ASSERT_OK(Publish(Target()));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
  ASSERT_EQ(::umount(Target().c_str()), 0);
  ASSERT_EQ(::rmdir(Target().c_str()), 0);
  EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(Volumes(), IsEmpty());
}

TEST_P(InlineVolumeTest, RestartFindsIt) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  ASSERT_OK(world_->Restart());
  EXPECT_OK(Publish(Target()));
  EXPECT_OK(Stats(Target()));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
  ASSERT_OK(world_->Restart());
  EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(Volumes(), IsEmpty());
}

TEST_P(InlineVolumeTest, AfterARebootItIsThereWithItsContent) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  ASSERT_OK(world_->Reboot());
  ASSERT_FALSE(IsMountRoot(Target()));
  ASSERT_OK(Publish(Target()));
  EXPECT_THAT(ReadContent(Target()), IsOkAndHolds("content"));
}

TEST_P(InlineVolumeTest, AfterARebootItCanBeUnpublished) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(world_->Reboot());
  EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(Volumes(), IsEmpty());
  EXPECT_NE(::access(Target().c_str(), F_OK), 0);
}

TEST_P(InlineVolumeTest, PodOfAPoolThatIsNotConfiguredCanEnd) {
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(Publish(Target("uid-2"), Id('b')));
  world_->Stop();
  ASSERT_OK(world_->StartWithoutPool());
  EXPECT_THAT(Unpublish(Target(), Id('c')), StatusIs(absl::StatusCode::kFailedPrecondition));
  for (int i = 0; i < 2; ++i) EXPECT_OK(Unpublish(Target()));
  EXPECT_NE(::access(Target().c_str(), F_OK), 0);
  EXPECT_TRUE(IsMountRoot(Target("uid-2")));
  // The volume is there when its pool is, and can be given up then.
  ASSERT_OK(world_->Restart());
  EXPECT_THAT(Volumes(), SizeIs(2));
  EXPECT_OK(Unpublish(Target()));
  EXPECT_THAT(Volumes(), SizeIs(1));
}

TEST_P(InlineVolumeTest, PodOfAFailedDiskCanEnd) {
  if (kind_.pool == host::FilesystemType::kBtrfs) return;  // it can't be made to fail so
  ASSERT_OK(Publish(Target()));
  ASSERT_OK(WriteContent(Target(), "content"));
  ASSERT_OK(world_->FailDisk());
  // Somebody else's call notices.
  EXPECT_FALSE(world_->CreateVolume("other", Mode::SINGLE_NODE_WRITER).ok());
  for (int i = 0; i < 2; ++i) EXPECT_OK(Unpublish(Target()));
  EXPECT_NE(::access(Target().c_str(), F_OK), 0);
  EXPECT_THAT(Publish(Target()), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(world_->Reboot());
  EXPECT_OK(Unpublish(Target()));
}

}  // namespace
}  // namespace nodevol::node

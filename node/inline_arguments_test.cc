// SPDX-License-Identifier: Apache-2.0
//
// What an inline volume may be asked for, and that a refusal leaves nothing behind.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/synchronization/notification.h"

#include "node/inline_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::Leftovers;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class InlineArgumentsTest : public InlineFixture {
 protected:
  InlineArgumentsTest() : InlineFixture(Ext4OnXfs()) {}

  absl::Status PublishWith(const std::string& key, const std::string& value) {
    csi::v1::NodePublishVolumeRequest request = Request(Target());
    (*request.mutable_volume_context())[key] = value;
    return Publish(request);
  }
  static auto IsInvalid(const std::string& word) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(word));
  }
};

TEST_F(InlineArgumentsTest, AttributesAreThoseOfAStorageClass) {
  csi::v1::NodePublishVolumeRequest request = Request(Target());
  auto& context = *request.mutable_volume_context();
  context["pool"] = "main";
  context["mode"] = "2751";
  context["uid"] = "1000";
  context["gid"] = "2000";
  context["provisioning"] = "thick";
  context["mkfsOptions"] = "-m 1";
  context["size"] = "64Mi";
  ASSERT_OK(Publish(request));
  struct stat root = {};
  ASSERT_EQ(::stat(Target().c_str(), &root), 0);
  EXPECT_EQ(root.st_mode & 07777, 02751U);
  EXPECT_EQ(root.st_uid, 1000U);
  EXPECT_EQ(root.st_gid, 2000U);
  struct stat image = {};
  ASSERT_THAT(Volumes(), SizeIs(1));
  ASSERT_EQ(::stat((world_->PoolPath() + "/volumes/" + Volumes()[0] + "/image").c_str(), &image),
            0);
  EXPECT_EQ(image.st_size, 64 * kMiB);
  EXPECT_GE(image.st_blocks * 512, 64 * kMiB);
}

TEST_F(InlineArgumentsTest, FilesystemTypeIsThatOfTheCapability) {
  csi::v1::NodePublishVolumeRequest request = Request(Target());
  request.mutable_volume_capability()->mutable_mount()->set_fs_type("xfs");
  ASSERT_OK(Publish(request));
  std::ifstream mounts("/proc/self/mounts");
  std::stringstream table;
  table << mounts.rdbuf();
  EXPECT_THAT(table.str(), HasSubstr(Target() + " xfs "));
}

TEST_F(InlineArgumentsTest, MountsAreNosuidAndNodev) {
  ASSERT_OK(Publish(Target()));
  std::ifstream mounts("/proc/self/mounts");
  std::string line;
  std::string found;
  while (std::getline(mounts, line)) {
    if (line.find(Target()) != std::string::npos) found = line;
  }
  EXPECT_THAT(found, HasSubstr("nosuid,nodev"));
}

TEST_F(InlineArgumentsTest, WhatIsNotKnownOrNotForThemIsRefusedByName) {
  EXPECT_THAT(PublishWith("sise", "1Gi"), IsInvalid("unknown volume attribute \"sise\""));
  EXPECT_THAT(PublishWith("Size", "1Gi"), IsInvalid("unknown volume attribute \"Size\""));
  EXPECT_THAT(PublishWith("path", "/mnt/shared"), IsInvalid("\"path\" is one of static volumes"));
  EXPECT_THAT(PublishWith("type", "Directory"), IsInvalid("\"type\" is one of static volumes"));
  for (const std::string size : {"", "0", "-1Gi", "1GiB", "much"}) {
    EXPECT_THAT(PublishWith("size", size), IsInvalid("volume attribute size")) << size;
  }
  EXPECT_THAT(PublishWith("mode", "rwx"), IsInvalid("mode"));
  EXPECT_THAT(PublishWith("backend", "tmpfs"), IsInvalid("backend"));
  EXPECT_THAT(PublishWith("mkfsOptions", "-O journal_dev"), IsInvalid("mkfsOptions"));
  EXPECT_THAT(PublishWith("csi.storage.k8s.io/ephemeral", "yes"), IsInvalid("ephemeral"));
  EXPECT_THAT(PublishWith("pool", "none"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no pool \"none\"")));
  EXPECT_THAT(PublishWith("size", "100Ti"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("available")));
  EXPECT_THAT(Volumes(), IsEmpty());
}

TEST_F(InlineArgumentsTest, OtherKindsOfVolumesAreNotInline) {
  EXPECT_THAT(Publish(Target(), "static:data"), IsInvalid("static"));
  EXPECT_THAT(Publish(Target(), "static:../data"), IsInvalid("static"));
  ASSERT_OK_AND_ASSIGN(const std::string managed,
                       world_->CreateVolume("managed", Mode::SINGLE_NODE_WRITER));
  EXPECT_THAT(Publish(Target(), managed), IsInvalid(managed));
  EXPECT_OK(world_->Delete(managed));
  csi::v1::NodePublishVolumeRequest block = Request(Target());
  block.mutable_volume_capability()->mutable_block();
  EXPECT_THAT(Publish(block), IsInvalid("has a filesystem"));
  csi::v1::NodePublishVolumeRequest shared = Request(Target());
  shared.mutable_volume_capability()->mutable_access_mode()->set_mode(
      Mode::MULTI_NODE_MULTI_WRITER);
  EXPECT_THAT(Publish(shared), IsInvalid("MULTI_NODE_MULTI_WRITER"));
}

TEST_F(InlineArgumentsTest, WithoutPodInfoTheRemedyIsNamed) {
  csi::v1::NodePublishVolumeRequest request = Request(Target());
  request.mutable_volume_context()->erase("csi.storage.k8s.io/ephemeral");
  EXPECT_THAT(Publish(request),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("podInfoOnMount")));
  // kubelet says so for all others.
  (*request.mutable_volume_context())["csi.storage.k8s.io/ephemeral"] = "false";
  request.set_staging_target_path(kubelet_);
  EXPECT_THAT(Publish(request), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(InlineArgumentsTest, AFailedPublishLeavesNothing) {
  const Leftovers before = Leftovers::Now();
  const std::string target = Target();
  const auto expect_refused = [&](const std::string& path, const std::string& word) {
    EXPECT_THAT(Publish(path), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(word)));
    EXPECT_THAT(Volumes(), IsEmpty());
    EXPECT_EQ(Leftovers::Now().mounts, before.mounts);
  };
  expect_refused(kubelet_ + "/none/mount", "parent");
  std::ofstream(target).close();
  expect_refused(target, "is not a directory");
  ASSERT_EQ(::unlink(target.c_str()), 0);
  ASSERT_EQ(::mkdir(target.c_str(), 0700), 0);
  ASSERT_OK(MountTmpfs(target));
  EXPECT_THAT(Publish(target), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Unpublish(target),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(target)));
  EXPECT_TRUE(IsMountRoot(target));
  ASSERT_EQ(::umount(target.c_str()), 0);
  EXPECT_THAT(Volumes(), IsEmpty());
  EXPECT_THAT(Publish(world_->PoolPath() + "/mount"), IsInvalid("pool"));
  EXPECT_THAT(Publish("relative"), IsInvalid("target_path"));
  EXPECT_THAT(Volumes(), IsEmpty());
  ASSERT_OK(world_->Restart());
  EXPECT_EQ(world_->storage().Statistics()[0].promised_bytes, 0);
}

TEST_F(InlineArgumentsTest, IdsAreThoseOfKubelet) {
  const std::vector<std::string> ids = {"csi-1",
                                        "x",
                                        ".",
                                        "..",
                                        "../../../../etc",
                                        "/etc/passwd",
                                        "%n$(id)",
                                        "größe 卷",
                                        "csi-" + std::string(63, 'a'),
                                        "csi-" + std::string(65, 'a'),
                                        "csi-" + std::string(64, 'A'),
                                        "csi-" + std::string(64, 'g')};
  const std::string precious = testing::NewDirectory();
  std::ofstream(precious + "/file") << "content";
  for (const std::string& id : ids) {
    SCOPED_TRACE(id);
    EXPECT_THAT(Publish(Target(), id), IsInvalid(id));
    EXPECT_THAT(Volumes(), IsEmpty());
    EXPECT_THAT(Unpublish(precious, id), StatusIs(absl::StatusCode::kNotFound, HasSubstr(id)));
  }
  // An id that nothing has deletes nothing.
  EXPECT_THAT(Unpublish(precious), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(NamesIn(precious), ElementsAre("file"));
}

TEST_F(InlineArgumentsTest, TheyAreNotTheCosToManage) {
  ASSERT_OK(Publish(Target()));
  ASSERT_THAT(Volumes(), SizeIs(1));
  storage::LocalStorage& storage = world_->storage();
  const std::string internal = Volumes()[0];
  const storage::VolumeId id = *storage::VolumeId::Parse(internal);
  EXPECT_THAT(storage.ListVolumes({}).entries, IsEmpty());
  EXPECT_THAT(storage.GetVolume(id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(storage.FindVolume(Id()), nullptr);
  EXPECT_THAT(world_->Delete(internal), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(world_->ControllerExpand(internal, kGiB),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Stats(Target(), internal), StatusIs(absl::StatusCode::kNotFound));
  csi::v1::NodeExpandVolumeRequest expand;
  expand.set_volume_id(Id());
  expand.set_volume_path(Target());
  EXPECT_THAT(world_->Call(&NodeHandler::ExpandVolume, expand), IsInvalid("keeps its size"));
  // It counts, all the same.
  EXPECT_EQ(storage.Statistics()[0].volumes, 1U);
  EXPECT_EQ(storage.Statistics()[0].promised_bytes, 320 * kMiB);
  // And a volume of its name is another.
  ASSERT_OK_AND_ASSIGN(const std::string managed,
                       world_->CreateVolume(Id(), Mode::SINGLE_NODE_WRITER));
  EXPECT_NE(managed, internal);
  EXPECT_OK(world_->Delete(managed));
}

TEST_F(InlineArgumentsTest, PodsTokensAreNotWrittenDown) {
  ASSERT_OK(PublishWith("csi.storage.k8s.io/serviceAccount.tokens", "a-secret"));
  ASSERT_THAT(Volumes(), SizeIs(1));
  std::ifstream file(world_->PoolPath() + "/volumes/" + Volumes()[0] + "/record");
  std::stringstream record;
  record << file.rdbuf();
  EXPECT_THAT(record.str(), HasSubstr(Id()));
  EXPECT_THAT(record.str(), Not(HasSubstr("a-secret")));
}

TEST_F(InlineArgumentsTest, SecondOperationOnTheSameIdIsAborted) {
  ASSERT_OK(Publish(Target()));
  {
    ASSERT_OK_AND_ASSIGN(const KeyedMutex::Lock busy, world_->storage().LockInlineVolume(Id()));
    EXPECT_THAT(Publish(Target()), StatusIs(absl::StatusCode::kAborted, HasSubstr(Id())));
    EXPECT_THAT(Unpublish(Target()), StatusIs(absl::StatusCode::kAborted));
    EXPECT_OK(Stats(Target()));
    EXPECT_OK(Publish(Target("uid-2"), Id('b')));
  }
  EXPECT_OK(Publish(Target()));
}

TEST_F(InlineArgumentsTest, SecondOperationIsAbortedWhileTheVolumeIsMade) {
  absl::Notification entered;
  absl::Notification leave;
  absl::Notification left;
  v1::EphemeralVolume owner;
  owner.set_volume_id(Id());
  owner.set_target_path(Target());
  v1::VolumeRequest request;
  request.set_name(Id());
  request.add_capabilities()->mutable_mount();
  request.mutable_capabilities(0)->set_access_mode(v1::SINGLE_NODE_WRITER);
  ASSERT_OK_AND_ASSIGN(KeyedMutex::Lock lock, world_->storage().LockInlineVolume(Id()));
  world_->storage().PublishInlineVolume(
      std::move(lock), owner, request,
      [&](storage::LocalVolume&) {
        entered.Notify();
        leave.WaitForNotification();
        return absl::UnavailableError("not mounted");
      },
      [&](const absl::Status& status) {
        EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
        left.Notify();
      });
  entered.WaitForNotification();
  EXPECT_THAT(Publish(Target()), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Unpublish(Target()), StatusIs(absl::StatusCode::kAborted));
  leave.Notify();
  left.WaitForNotification();
  EXPECT_THAT(Volumes(), IsEmpty()) << "what could not be mounted is deleted";
  EXPECT_OK(Publish(Target()));
}

}  // namespace
}  // namespace nodevol::node

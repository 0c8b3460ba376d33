// SPDX-License-Identifier: Apache-2.0
//
// What every kind of volume promises from its creation to its end.
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "google/protobuf/util/message_differencer.h"

#include "host/file.h"
#include "host/loop_device.h"
#include "storage/capability.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using google::protobuf::util::MessageDifferencer;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class VolumeLifecycleTest : public KindTest {
 protected:
  absl::StatusOr<VolumePtr> Get(const VolumePtr& volume) {
    return node().storage().GetVolume(*VolumeId::Parse(volume->id()));
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, VolumeLifecycleTest, ::testing::ValuesIn(AllKinds()), KindName);

using MountedVolumeTest = KindTest;
INSTANTIATE_TEST_SUITE_P(Kinds, MountedVolumeTest, ::testing::ValuesIn(MountedKinds()), KindName);

TEST_P(VolumeLifecycleTest, VolumeIsWhatWasAskedFor) {
  const v1::VolumeRequest request = RequestFor(kind(), "a");
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(request));
  EXPECT_EQ(volume->id(), VolumeId::ForName(node().PoolUuid(), "a").text());
  EXPECT_TRUE(MessageDifferencer::Equals(volume->request(), request));
  EXPECT_EQ(volume->size_bytes(), kind().bytes);
  EXPECT_EQ(volume->has_directory(), kind().backend == "directory");
  EXPECT_EQ(FilesystemTypeOf(*volume), kind().fs_type);
  EXPECT_EQ(IsBlock(*volume), kind().block);
  EXPECT_THAT(
      volume->volume_context(),
      UnorderedElementsAre(Pair("pool", "pool-0"),
                           Pair("backend", volume->has_directory() ? "directory" : "image")));
  EXPECT_THAT(Get(volume), IsOkAndHolds(volume));
  EXPECT_EQ(node().storage().FindVolume("a"), volume);
  EXPECT_EQ(node().storage().FindVolume("b"), nullptr);
  EXPECT_TRUE(node().storage().Serves(volume->id()));
  EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
}

TEST_P(VolumeLifecycleTest, SizeIsExactToTheNextStep) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume,
                       node().Create(RequestFor(kind(), "a", kind().bytes + 1)));
  EXPECT_EQ(volume->size_bytes(), kind().bytes + kSizeUnit);
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
  EXPECT_OK(node().OnVolume(volume, [&](LocalVolume& local) -> absl::Status {
    const auto fd = host::OpenPath(used.path(), O_RDONLY);
    const auto usage = local.backend().Usage(local.object.get(), *local.record, fd->get());
    EXPECT_OK(usage);
    if (kind().block || volume->has_directory()) {
      EXPECT_EQ(usage->total_bytes, volume->size_bytes());
    }
    EXPECT_LE(usage->total_bytes, volume->size_bytes());
    EXPECT_GT(usage->total_bytes, volume->size_bytes() / 2);
    return absl::OkStatus();
  }));
  if (volume->has_directory()) return;
  const bool btrfs = kind().pool == host::FilesystemType::kBtrfs;
  EXPECT_EQ(
      std::filesystem::file_size(node().PathOf(volume) + (btrfs ? "/subvol/image" : "/image")),
      static_cast<uint64_t>(volume->size_bytes()));
}

TEST_P(VolumeLifecycleTest, ImageIsReadAndWrittenPastThePoolsCache) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  if (volume->has_directory()) return;
  // The disks of these tests have sectors of 4 KiB: smaller ones would not do.
  EXPECT_EQ(volume->image().sector_bytes(), 4096U);
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
  ASSERT_OK_AND_ASSIGN(const host::LoopDevice loop, host::OpenLoop(*used.loop(), true));
  ASSERT_OK_AND_ASSIGN(const auto backing, host::LoopBackingOf(loop.fd.get()));
  EXPECT_TRUE(backing->direct_io);
}

TEST_P(VolumeLifecycleTest, SameRequestFindsTheSameVolume) {
  const v1::VolumeRequest request = RequestFor(kind(), "a");
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(request));
  EXPECT_THAT(node().Create(request), IsOkAndHolds(volume));
  ASSERT_OK(node().Reopen());
  ASSERT_OK_AND_ASSIGN(const VolumePtr again, node().Create(request));
  EXPECT_TRUE(MessageDifferencer::Equals(*again, *volume));
  EXPECT_THAT(node().Entries("volumes"), ElementsAre(volume->id()));
}

TEST_P(VolumeLifecycleTest, OtherRequestOfTheSameNameIsRefused) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  EXPECT_THAT(node().Create(RequestFor(kind(), "a", 2 * kind().bytes)),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("\"a\"")));
  EXPECT_THAT(Get(volume), IsOkAndHolds(volume));
}

TEST_P(VolumeLifecycleTest, ContentOutlivesTheDriver) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK(WriteContent(node(), volume, "content"));
  ASSERT_OK(node().Reopen());
  EXPECT_THAT(ReadContent(node(), volume), IsOkAndHolds("content"));
}

TEST_P(MountedVolumeTest, NewFilesystemIsEmptyAndBelongsToWhomItShould) {
  v1::VolumeRequest request = RequestFor(kind(), "a");
  (*request.mutable_parameters())["mode"] = "2751";
  (*request.mutable_parameters())["uid"] = "1000";
  (*request.mutable_parameters())["gid"] = "4294967294";
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(request));
  ASSERT_OK_AND_ASSIGN(const VolumePtr plain, node().Create(RequestFor(kind(), "b")));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume));
  ASSERT_OK_AND_ASSIGN(const UsedVolume used_plain, UsedVolume::Stage(node(), plain));
  EXPECT_TRUE(std::filesystem::is_empty(used.path()));
  EXPECT_TRUE(std::filesystem::is_empty(used_plain.path()));
  struct stat root = {};
  ASSERT_EQ(::stat(used.path().c_str(), &root), 0);
  EXPECT_EQ(root.st_mode & 07777, 02751U);
  EXPECT_EQ(root.st_uid, 1000U);
  EXPECT_EQ(root.st_gid, 4294967294U);
  ASSERT_EQ(::stat(used_plain.path().c_str(), &root), 0);
  EXPECT_EQ(root.st_mode & 07777, 0770U);
  EXPECT_EQ(root.st_uid, 0U);
}

TEST_P(VolumeLifecycleTest, DeletedVolumeIsGoneAndSoIsWhatItHeld) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK(WriteContent(node(), volume, "content"));
  EXPECT_OK(node().Delete(volume));
  EXPECT_THAT(Get(volume), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(node().storage().Serves(volume->id()));
  EXPECT_THAT(node().Entries("volumes"), IsEmpty());
  EXPECT_TRUE(node().TrashEmpties());
  EXPECT_OK(node().Delete(volume));
  ASSERT_OK(node().Reopen());
  EXPECT_THAT(Get(volume), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(node().Delete(volume));
}

TEST_P(VolumeLifecycleTest, NameOfADeletedVolumeGivesANewOne) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr first, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK(WriteContent(node(), first, "content"));
  ASSERT_OK(node().Delete(first));
  ASSERT_OK_AND_ASSIGN(const VolumePtr second, node().Create(RequestFor(kind(), "a")));
  EXPECT_EQ(second->id(), first->id());
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), second));
  if (kind().block) {
    EXPECT_THAT(used.Read(), IsOkAndHolds(""));
  } else {
    EXPECT_TRUE(std::filesystem::is_empty(used.path()));
  }
}

TEST_P(VolumeLifecycleTest, VolumeInUseIsNotDeleted) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume));
  ASSERT_OK(used.Write("content"));
  EXPECT_THAT(node().Delete(volume), StatusIs(absl::StatusCode::kFailedPrecondition,
                                              AllOf(HasSubstr("in use"), HasSubstr(used.path()))));
  EXPECT_THAT(used.Read(), IsOkAndHolds("content"));
  ASSERT_OK(used.Release());
  EXPECT_OK(node().Delete(volume));
}

TEST_P(VolumeLifecycleTest, AbandonedCreateLeavesNothing) {
  // The caller leaves before the work begins, or while it is done.
  for (const int looks : {0, 1}) {
    int left = looks;
    const OperationContext context = {.abandoned = [&left] { return left-- <= 0; }};
    EXPECT_THAT(node().Create(RequestFor(kind(), "a"), context),
                StatusIs(absl::StatusCode::kCancelled));
    EXPECT_EQ(node().storage().FindVolume("a"), nullptr);
    EXPECT_THAT(node().Entries("volumes"), IsEmpty());
    EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
    EXPECT_EQ(node().Statistics().promised_bytes, 0);
  }
  EXPECT_OK(node().Create(RequestFor(kind(), "a")));
}

}  // namespace
}  // namespace nodevol::storage

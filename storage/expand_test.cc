// SPDX-License-Identifier: Apache-2.0
//
// Volumes grow, never shrink, and keep their content.
#include <fcntl.h>

#include <filesystem>
#include <string>

#include "google/protobuf/util/message_differencer.h"

#include "host/file.h"
#include "host/file_data.h"
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
using ::testing::HasSubstr;

class ExpandTest : public KindTest {
 protected:
  void SetUp() override {
    KindTest::SetUp();
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "a")));
  }
  // What the user of the volume sees as its size.
  int64_t SeenSize(const UsedVolume& used) {
    int64_t bytes = 0;
    EXPECT_OK(node().OnVolume(volume_, [&](LocalVolume& local) -> absl::Status {
      const auto fd = host::OpenPath(used.path(), O_RDONLY);
      if (kind().block) {
        bytes = host::BlockDeviceSize(fd->get()).value();
      } else {
        bytes = local.backend().Usage(local.object.get(), *local.record, fd->get())->total_bytes;
      }
      return absl::OkStatus();
    }));
    return bytes;
  }
  // What NodeExpandVolume does.
  absl::Status GrowInUse(const UsedVolume& used) {
    return node().OnVolume(volume_, [&](LocalVolume& local) -> absl::Status {
      const auto fd = host::OpenPath(used.path(), O_PATH);
      return local.backend().GrowInUse(local.object.get(), *local.record, fd->get());
    });
  }
  void ExpectUnchanged() {
    const auto now = node().storage().GetVolume(*VolumeId::Parse(volume_->id()));
    ASSERT_OK(now);
    EXPECT_TRUE(MessageDifferencer::Equals(**now, *volume_)) << (*now)->ShortDebugString();
    EXPECT_EQ(node().Statistics().promised_bytes, volume_->size_bytes());
  }

  VolumePtr volume_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, ExpandTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(ExpandTest, UnusedVolumeHasItsNewSizeWhenItIsUsedNext) {
  ASSERT_OK(WriteContent(node(), volume_, "content"));
  const int64_t size = kind().bytes + kind().bytes / 2 + 1;
  ASSERT_OK_AND_ASSIGN(const ExpandedVolume expanded, node().Expand(volume_, size));
  const int64_t exact = kind().bytes + kind().bytes / 2 + kSizeUnit;
  EXPECT_EQ(expanded.volume->size_bytes(), exact);
  EXPECT_EQ(expanded.volume->generation(), 2U);
  EXPECT_EQ(expanded.node_expansion_required, !kind().block && kind().backend != "directory");
  EXPECT_EQ(node().Statistics().promised_bytes, exact);
  ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(node(), volume_));
  EXPECT_THAT(used.Read(), IsOkAndHolds("content"));
  EXPECT_GT(SeenSize(used), kind().bytes + kind().bytes / 8);
  EXPECT_LE(SeenSize(used), exact);
}

TEST_P(ExpandTest, UsedVolumeGrowsWhereItIs) {
  ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume_));
  ASSERT_OK(used.Write("content"));
  const int64_t before = SeenSize(used);
  ASSERT_OK_AND_ASSIGN(const ExpandedVolume expanded, node().Expand(volume_, 2 * kind().bytes));
  const absl::Status grown = expanded.node_expansion_required ? GrowInUse(used) : absl::OkStatus();
  if (absl::IsFailedPrecondition(grown)) {
    EXPECT_THAT(std::string(grown.message()), HasSubstr("no CAP_SYS_RESOURCE"));
    ASSERT_OK(used.Release());
    ASSERT_OK_AND_ASSIGN(const UsedVolume again, UsedVolume::Stage(node(), volume_));
    EXPECT_GT(SeenSize(again), before + kind().bytes / 2);
    EXPECT_THAT(again.Read(), IsOkAndHolds("content"));
    return;
  }
  ASSERT_OK(grown);
  EXPECT_GT(SeenSize(used), before + kind().bytes / 2);
  EXPECT_THAT(used.Read(), IsOkAndHolds("content"));
}

TEST_P(ExpandTest, NewSizeOutlivesTheDriver) {
  ASSERT_OK(node().Expand(volume_, 2 * kind().bytes));
  ASSERT_OK(node().Reopen());
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume,
                       node().storage().GetVolume(*VolumeId::Parse(volume_->id())));
  EXPECT_EQ(volume->size_bytes(), 2 * kind().bytes);
  EXPECT_EQ(node().Statistics().promised_bytes, 2 * kind().bytes);
  // The request that made it still finds it.
  EXPECT_OK(node().Create(RequestFor(kind(), "a")));
}

TEST_P(ExpandTest, SizeThatItHasIsNothingToDo) {
  for (const int64_t size : {int64_t{0}, int64_t{1}, kind().bytes - 1, kind().bytes}) {
    ASSERT_OK_AND_ASSIGN(const ExpandedVolume expanded, node().Expand(volume_, size));
    EXPECT_EQ(expanded.volume->size_bytes(), kind().bytes) << size;
  }
  ExpectUnchanged();
}

TEST_P(ExpandTest, VolumeNeverShrinks) {
  EXPECT_THAT(node().Expand(volume_, 0, kind().bytes - 1), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(node().Expand(volume_, 2 * kind().bytes, kind().bytes),
              StatusIs(absl::StatusCode::kOutOfRange));
  ExpectUnchanged();
}

TEST_P(ExpandTest, SizeThatHasNoRoomIsOutOfRangeAndNothingChanges) {
  EXPECT_THAT(node().Expand(volume_, 100 * kGiB),
              StatusIs(absl::StatusCode::kOutOfRange,
                       AllOf(HasSubstr("no room to grow in pool \"pool-0\""), HasSubstr("free"))));
  EXPECT_THAT(node().Expand(volume_, INT64_MAX), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(node().Expand(volume_, -1), StatusIs(absl::StatusCode::kInvalidArgument));
  ExpectUnchanged();
  ASSERT_OK(node().Reopen());
  ExpectUnchanged();
}

TEST_P(ExpandTest, LeftoverOfAnInterruptedReplacementIsHarmless) {
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd object,
                         host::OpenPath(node().PathOf(volume_), O_RDONLY | O_DIRECTORY));
    ASSERT_OK(host::WriteNewFile(object.get(), "record.tmp", "nodevol-rec", 0600));
  }
  ASSERT_OK(node().Reopen());
  ExpectUnchanged();
  ASSERT_OK(node().Expand(volume_, 2 * kind().bytes));
  EXPECT_FALSE(std::filesystem::exists(node().PathOf(volume_) + "/record.tmp"));
  ASSERT_OK(node().Reopen());
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume,
                       node().storage().GetVolume(*VolumeId::Parse(volume_->id())));
  EXPECT_EQ(volume->size_bytes(), 2 * kind().bytes);
}

TEST_P(ExpandTest, VolumeThatIsNotThereIsNotFound) {
  ASSERT_OK(node().Delete(volume_));
  EXPECT_THAT(node().Expand(volume_, 2 * kind().bytes), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace nodevol::storage

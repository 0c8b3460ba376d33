// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using csi::v1::VolumeUsage;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

class StatsTest : public NodeFixture {
 protected:
  // The volume's usage in this unit; nullopt when it is not told.
  std::optional<VolumeUsage> UsageAt(const std::string& path, VolumeUsage::Unit unit) {
    const auto response = Stats(path);
    EXPECT_OK(response);
    if (!response.ok()) return std::nullopt;
    std::optional<VolumeUsage> found;
    for (const VolumeUsage& usage : response->usage()) {
      EXPECT_GE(usage.total(), 0);
      EXPECT_GE(usage.used(), 0);
      EXPECT_GE(usage.available(), 0);
      if (usage.unit() == unit) found = usage;
    }
    return found;
  }
  VolumeUsage BytesAt(const std::string& path) {
    return UsageAt(path, VolumeUsage::BYTES).value_or(VolumeUsage());
  }
  static absl::Status WriteFile(const std::string& path, int64_t bytes) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string megabyte(kMiB, 'x');
    for (int64_t written = 0; written < bytes; written += kMiB) {
      if (::write(file.get(), megabyte.data(), megabyte.size()) != kMiB) {
        return ErrnoStatus(errno, "write");
      }
    }
    return host::SyncFilesystem(file.get());
  }
};

class MountStatsTest : public StatsTest {};
INSTANTIATE_FOR_KINDS(MountStatsTest, MountKinds());

TEST_P(MountStatsTest, BytesAreTheVolumesOwn) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  for (const std::string& path : {Target(), staging_}) {
    const VolumeUsage bytes = BytesAt(path);
    // The pool has 2 GiB; a filesystem keeps a part of its image for itself.
    EXPECT_THAT(bytes.total(), AllOf(Ge(kVolumeBytes * 3 / 4), Le(kVolumeBytes)));
    EXPECT_THAT(bytes.available(), AllOf(Ge(kVolumeBytes / 2), Le(kVolumeBytes)));
    EXPECT_LE(bytes.used(), kVolumeBytes / 4);
  }
}

TEST_P(MountStatsTest, WhatIsWrittenIsUsed) {
  constexpr int64_t kWritten = 64 * kMiB;
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  const VolumeUsage before = BytesAt(Target());
  ASSERT_OK(WriteFile(Target() + "/file", kWritten));
  const VolumeUsage after = BytesAt(Target());
  EXPECT_EQ(after.total(), before.total());
  EXPECT_THAT(after.used() - before.used(), AllOf(Ge(kWritten), Le(kWritten + 8 * kMiB)));
  EXPECT_GE(before.available() - after.available(), kWritten / 2);
}

TEST_P(MountStatsTest, InodesAreTheVolumesOwn) {
  constexpr int kFiles = 10;
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  for (int i = 0; i < kFiles; ++i) {
    ASSERT_OK(WriteFile(absl::StrCat(Target(), "/", i), 0));
  }
  const std::optional<VolumeUsage> inodes = UsageAt(Target(), VolumeUsage::INODES);
  ASSERT_TRUE(inodes.has_value());
  // btrfs in an image has no number of inodes and keeps no count.
  if (kind_.fs_type == "btrfs") return;
  EXPECT_THAT(inodes.value().used(), AllOf(Ge(kFiles), Le(kFiles + 20)));
  if (kind_.backend == "image") {
    EXPECT_EQ(inodes.value().available(), inodes.value().total() - inodes.value().used());
  }
}

TEST_P(MountStatsTest, TwoVolumesHaveFiguresOfTheirOwn) {
  ASSERT_OK_AND_ASSIGN(const std::string other,
                       world_->CreateVolume("other", Mode::SINGLE_NODE_WRITER));
  csi::v1::NodeStageVolumeRequest stage = StageRequest();
  stage.set_volume_id(other);
  stage.set_staging_target_path(NewDirectory());
  ASSERT_OK(Stage(stage));
  ASSERT_OK(Stage());
  const int64_t before = BytesAt(staging_).used();
  ASSERT_OK(WriteFile(stage.staging_target_path() + "/file", 64 * kMiB));
  EXPECT_LE(BytesAt(staging_).used(), before + kMiB);
}

TEST_P(MountStatsTest, UnpublishingAndUnstagingAreNotDisturbed) {
  std::atomic<bool> done = false;
  std::thread measurer([&] {
    while (!done) (void)Stats(Target());
  });
  for (int i = 0; i < 50 && !HasFailure(); ++i) {
    EXPECT_OK(Stage());
    EXPECT_OK(Publish(Target()));
    EXPECT_OK(Unpublish(Target()));
    EXPECT_OK(Unstage());
  }
  done = true;
  measurer.join();
}

class BlockStatsTest : public StatsTest {};
INSTANTIATE_FOR_KINDS(BlockStatsTest, BlockKinds());

TEST_P(BlockStatsTest, TotalIsTheSizeAndNothingElseIsTold) {
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  for (const std::string& path : {Target(), staging_, StagedAt()}) {
    const VolumeUsage bytes = BytesAt(path);
    EXPECT_EQ(bytes.total(), kVolumeBytes);
    EXPECT_EQ(bytes.used(), 0);
    EXPECT_EQ(bytes.available(), 0);
    EXPECT_FALSE(UsageAt(path, VolumeUsage::INODES).has_value());
  }
}

class StatsPathTest : public StatsTest {};
INSTANTIATE_FOR_KINDS(StatsPathTest, AllKinds());

TEST_P(StatsPathTest, PathWhereTheVolumeIsNotIsNotFound) {
  EXPECT_THAT(Stats(staging_), StatusIs(absl::StatusCode::kNotFound)) << "not staged yet";
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  for (const std::string& path :
       {std::string("/"), std::string("some/path"), std::string("/none/at/all"), targets_,
        Target() + "/content", Target("none"), world_->PoolPath(), std::string("/proc/self/fd/0"),
        absl::StrCat("/", std::string(300, 'x'))}) {
    EXPECT_THAT(Stats(path), StatusIs(absl::StatusCode::kNotFound)) << path;
    EXPECT_THAT(Expand(path), StatusIs(absl::StatusCode::kNotFound)) << path;
  }
}

TEST_P(StatsPathTest, PathOfAnotherVolumeIsNotFound) {
  ASSERT_OK_AND_ASSIGN(const std::string other,
                       world_->CreateVolume("other", Mode::SINGLE_NODE_WRITER));
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  for (const std::string& path : {Target(), staging_}) {
    EXPECT_OK(Stats(path));
    EXPECT_THAT(Stats(path, other), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(Expand(path, other), StatusIs(absl::StatusCode::kNotFound));
  }
}

}  // namespace
}  // namespace nodevol::node

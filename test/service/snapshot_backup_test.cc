// SPDX-License-Identifier: Apache-2.0
//
// A backup tool: it reads which blocks a snapshot has or which have changed, copies those from a
// volume that it restored from the snapshot, and has all of it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "test/client/ground.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/service/snapshot_stream.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SnapshotBackupTest : public GroundFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = GetParam()}));
    ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("volume"));
    pod_.emplace(id, node().directory(), "pod");
    ASSERT_OK(pod_->Start(client()));
    std::printf("seed %u\n", seed_);
  }

  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }

  // Writes and discards here and there in the device that the pod uses.
  void Change(int count) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd device, host::OpenPath(pod_->target(), O_RDWR));
    for (int i = 0; i < count; ++i) {
      const int64_t bytes = 4 * kKiB * (1 + Below(16));
      const int64_t offset = 4 * kKiB * Below((volume_bytes_ - bytes) / (4 * kKiB));
      if (Below(4) == 0) {
        ASSERT_EQ(
            ::fallocate(device.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes),
            0);
        continue;
      }
      const std::string content(static_cast<size_t>(bytes), static_cast<char>(Below(256)));
      ASSERT_EQ(::pwrite(device.get(), content.data(), content.size(), offset), bytes);
    }
  }

  std::string Snapshot() {
    const absl::StatusOr<csi::v1::Snapshot> snapshot =
        client().Snapshot(absl::StrCat("snapshot-", snapshots_++), pod_->volume_id());
    EXPECT_OK(snapshot);
    return snapshot.ok() ? snapshot->snapshot_id() : "";
  }

  std::vector<DataRange> RangesOf(const StreamRequest& request) {
    SnapshotStream stream(node().driver().socket_path(), request);
    EXPECT_OK(stream.ReadAll());
    EXPECT_GE(stream.messages(), 1);
    EXPECT_EQ(stream.volume_bytes(), volume_bytes_);
    return stream.ranges();
  }

  // The content of a snapshot, by a volume that is made of it for the time of reading.
  std::string ReadSnapshot(const std::string& snapshot_id) {
    std::string content(static_cast<size_t>(volume_bytes_), '\0');
    const absl::Status read = [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const csi::v1::Volume restored,
                       client().Restore(absl::StrCat("restored-", restored_++), snapshot_id));
      const Pod reader(restored.volume_id(), node().directory(), absl::StrCat("r", restored_));
      RETURN_IF_ERROR(reader.Start(client()));
      size_t have = 0;
      {
        ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(reader.target(), O_RDONLY));
        while (have < content.size()) {
          const ssize_t got = ::read(device.get(), content.data() + have, content.size() - have);
          if (got <= 0) return absl::InternalError("the device is too short");
          have += static_cast<size_t>(got);
        }
      }
      RETURN_IF_ERROR(reader.Stop(client()));
      return client().Delete(restored.volume_id());
    }();
    EXPECT_OK(read);
    return content;
  }

  // Copies the ranges into the backup.
  static void Copy(const std::vector<DataRange>& ranges, const std::string& content,
                   std::string& backup) {
    // What was not there is no better than this.
    backup.resize(content.size(), '?');
    for (const DataRange& range : ranges) {
      const auto from = static_cast<std::ptrdiff_t>(range.offset);
      std::copy_n(content.begin() + from, range.bytes, backup.begin() + from);
    }
  }

  const unsigned seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  std::optional<Pod> pod_;
  int64_t volume_bytes_ = GetParam().volume_bytes;
  int snapshots_ = 0;
  int restored_ = 0;
};
INSTANTIATE_FOR_GROUNDS(SnapshotBackupTest, BlockOnXfs(), BlockOnBtrfs());

TEST_P(SnapshotBackupTest, FullAndIncrementalBackupsHaveAllThatTheVolumeHad) {
  Change(40);
  std::string base = Snapshot();
  std::string backup(static_cast<size_t>(volume_bytes_), '\0');
  Copy(RangesOf({.target_id = base}), ReadSnapshot(base), backup);
  EXPECT_TRUE(backup == ReadSnapshot(base)) << "full";
  for (int i = 0; i < 4; ++i) {
    if (i == 2) {
      volume_bytes_ += 8 * kMiB;
      ASSERT_OK(client().ControllerExpand(pod_->volume_id(), volume_bytes_));
      ASSERT_OK(client().NodeExpand(pod_->volume_id(), pod_->target(), volume_bytes_));
    }
    Change(10);
    const std::string target = Snapshot();
    // The volume goes on, and the stream is about the snapshot.
    Change(10);
    const std::string content = ReadSnapshot(target);
    const std::vector<DataRange> changed = RangesOf({.base_id = base, .target_id = target});
    Copy(changed, content, backup);
    EXPECT_TRUE(backup == content) << "increment " << i;
    EXPECT_EQ(RangesOf({.base_id = base, .target_id = target, .max_results = 1}), changed);
    ASSERT_OK(client().DeleteSnapshot(base));
    base = target;
  }
}

TEST_P(SnapshotBackupTest, StreamIsTakenUpAgainAfterEveryRange) {
  Change(30);
  const std::string base = Snapshot();
  Change(30);
  const std::string target = Snapshot();
  for (const std::string& older : {std::string(), base}) {
    const std::vector<DataRange> whole = RangesOf({.base_id = older, .target_id = target});
    ASSERT_GT(whole.size(), 5U);
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(
          RangesOf({.base_id = older,
                    .target_id = target,
                    .starting_offset = whole[i].end(),
                    .max_results = 3}),
          std::vector<DataRange>(whole.begin() + static_cast<std::ptrdiff_t>(i) + 1, whole.end()));
    }
  }
}

TEST_P(SnapshotBackupTest, NothingChangedIsAnEmptyListThatEndsWell) {
  Change(10);
  const std::string base = Snapshot();
  EXPECT_THAT(RangesOf({.base_id = base, .target_id = Snapshot()}), IsEmpty());
}

class SnapshotRefusalTest : public ServiceFixture {
 protected:
  // How a stream over two snapshots of a volume of this kind ends.
  absl::Status StreamOf(const Ground& ground, bool delta) {
    StartNode({.ground = ground});
    ASSIGN_OR_RETURN(const std::string volume, node().CreateVolume("volume"));
    ASSIGN_OR_RETURN(const csi::v1::Snapshot base, client().Snapshot("base", volume));
    ASSIGN_OR_RETURN(const csi::v1::Snapshot target, client().Snapshot("target", volume));
    return SnapshotStream(
               node().driver().socket_path(),
               {.base_id = delta ? base.snapshot_id() : "", .target_id = target.snapshot_id()})
        .ReadAll();
  }
};

TEST_F(SnapshotRefusalTest, ChangesOnExt4AreNotKnown) {
  EXPECT_THAT(StreamOf(BlockOnExt4(), /*delta=*/true),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("full backup")));
}

TEST_F(SnapshotRefusalTest, AllocatedOnExt4IsKnown) {
  EXPECT_OK(StreamOf(BlockOnExt4(), /*delta=*/false));
}

TEST_F(SnapshotRefusalTest, DirectoriesHaveNoBlocks) {
  EXPECT_THAT(StreamOf(DirectoryOnBtrfs(), /*delta=*/false),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("directory")));
}

TEST_F(SnapshotRefusalTest, NodeRoleDoesNotServeIt) {
  StartNode({.ground = BlockOnXfs(), .more_flags = {"--role=node"}});
  SnapshotStream stream(node().driver().socket_path(), {.target_id = "x"});
  EXPECT_THAT(stream.ReadAll(), StatusIs(absl::StatusCode::kUnimplemented));
  ASSERT_OK_AND_ASSIGN(const auto capabilities,
                       client().csi().Call(&CsiClient::Identity::GetPluginCapabilities,
                                           csi::v1::GetPluginCapabilitiesRequest()));
  for (const csi::v1::PluginCapability& capability : capabilities.capabilities()) {
    EXPECT_NE(capability.service().type(),
              csi::v1::PluginCapability::Service::SNAPSHOT_METADATA_SERVICE);
  }
}

}  // namespace
}  // namespace nodevol::testing

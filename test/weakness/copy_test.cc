// SPDX-License-Identifier: Apache-2.0
//
// Weaknesses of copies: restores, clones, and what a snapshot holds.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/conformance/sequence_writer.h"
#include "test/weakness/weakness_fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

const std::string& Content() {
  static const auto* const content = new std::string(static_cast<size_t>(8 * kMiB), 'c');
  return *content;
}

TEST_F(Weakness, W03_RestoreThatWasKilledIsWholeOrAbsent) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodWith("volume", Content()));
  ASSERT_OK_AND_ASSIGN(const std::string snapshot, SnapshotAtRest(pod, "snapshot"));
  int kills = 0;
  for (const char* const system_call : {"ioctl", "fsync", "renameat2"}) {
    const std::string name = absl::StrCat("restored-", system_call);
    const auto restore = [&] { return client().Restore(name, snapshot).status(); };
    kills += KillDuring(system_call, 1, restore) ? 1 : 0;
    EXPECT_THAT(NamesIn(node().disk().path() + "/.nodevol/staging"), IsEmpty());
    // The provisioner tries again.
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored, client().Restore(name, snapshot));
    ASSERT_OK_AND_ASSIGN(const Pod reader, StartPodOn(restored.volume_id(), name));
    EXPECT_TRUE(reader.Read("content", Content().size()).value_or("") == Content());
  }
  EXPECT_GT(kills, 1);
}

TEST_F(Weakness, W04_CloneIsIdempotent) {
  ASSERT_NO_FATAL_FAILURE(StartOn(DirectoryOnBtrfs()));
  ASSERT_OK_AND_ASSIGN(const std::string source, node().CreateVolume("source"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume clone, client().Clone("clone", source));
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume again, client().Clone("clone", source));
    EXPECT_EQ(again.volume_id(), clone.volume_id());
  }
}

TEST_F(Weakness, W05_SameNameForSomethingElseIsRefused) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  ASSERT_OK_AND_ASSIGN(const std::string source, node().CreateVolume("source"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot one, client().Snapshot("one", source));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot two, client().Snapshot("two", source));
  ASSERT_OK(client().Restore("volume", one.snapshot_id()));
  EXPECT_THAT(client().Restore("volume", two.snapshot_id()), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(client().Create("volume", 0), StatusIs(StatusCode::kAlreadyExists));
  csi::v1::CreateVolumeRequest request = VolumeRequest("source");
  (*request.mutable_parameters())["provisioning"] = "thick";
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kAlreadyExists));
  request = VolumeRequest("source");
  *request.mutable_volume_capabilities(0) = BlockCapability();
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kAlreadyExists));
}

TEST_F(Weakness, W14_LargerRestoreOfADeviceStaysLarger) {
  ASSERT_NO_FATAL_FAILURE(StartOn(BlockOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodWith("volume", Content()));
  ASSERT_OK_AND_ASSIGN(const std::string snapshot, SnapshotAtRest(pod, "snapshot"));
  const int64_t larger = 4 * node().ground().volume_bytes;
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored,
                       client().Restore("restored", snapshot, larger));
  // Attached more than once: it shrank at the second time.
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const Pod reader, StartPodOn(restored.volume_id(), "restored"));
    EXPECT_THAT(DeviceSize(reader.target()), IsOkAndHolds(larger));
    EXPECT_TRUE(reader.Read("", Content().size()).value_or("") == Content());
    ASSERT_OK(reader.Stop(client()));
  }
}

TEST_F(Weakness, W16_SnapshotOfAFilesystemBecomesNoDevice) {
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  ASSERT_OK_AND_ASSIGN(const std::string source, node().CreateVolume("source"));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot, client().Snapshot("snapshot", source));
  csi::v1::CreateVolumeRequest request = client().VolumeRequest("device", 0);
  *request.mutable_volume_capabilities(0) = BlockCapability();
  request.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(
      snapshot.snapshot_id());
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(Weakness, W18_SnapshotOfALiveVolumeIsOneMoment) {
  constexpr int kSlots = 32;
  ASSERT_NO_FATAL_FAILURE(StartOn(ImageOnXfs()));
  ASSERT_OK_AND_ASSIGN(const Pod pod, StartPodWith("volume", Content()));
  const auto slots_in = [](const Pod& volume) {
    std::vector<SequenceSlot> slots;
    for (int i = 0; i < kSlots; ++i) slots.push_back({volume.File(absl::StrCat("slot-", i))});
    return slots;
  };
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SequenceWriter> writer,
                       SequenceWriter::Start(slots_in(pod)));
  const int64_t before = writer->durable();
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot,
                       client().Snapshot("snapshot", pod.volume_id()));
  const int64_t after = writer->durable();
  ASSERT_OK(writer->Await(after + kSlots));
  ASSERT_OK(writer->Stop());
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume restored,
                       client().Restore("restored", snapshot.snapshot_id()));
  ASSERT_OK_AND_ASSIGN(const Pod reader, StartPodOn(restored.volume_id(), "restored"));
  ASSERT_OK_AND_ASSIGN(const int64_t last, LastNumberIn(slots_in(reader)));
  EXPECT_THAT(last, Ge(before));
  EXPECT_THAT(last, Le(after + 1));
}

}  // namespace
}  // namespace nodevol::testing

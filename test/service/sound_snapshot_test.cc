// SPDX-License-Identifier: Apache-2.0
//
// Snapshots of a filesystem whose metadata change all the time: each of them, restored into a
// larger volume, is checked by the filesystem's own program before it grows.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

constexpr int kWriters = 4;
constexpr int kSnapshots = 20;

// Makes, renames and removes files until told to stop.
void Churn(const Pod& pod, int writer, const std::atomic<bool>& stop) {
  const std::string content(size_t{64} * 1024, static_cast<char>('a' + writer));
  for (int i = 0; !stop; ++i) {
    const std::string path = pod.File(absl::StrCat("writer-", writer));
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const bool written = ::write(file.get(), content.data(), content.size()) > 0;
    if (written && i % 3 == 0) ::fsync(file.get());
    ::rename(path.c_str(), absl::StrCat(path, ".", i % 7).c_str());
    ::unlink(absl::StrCat(path, ".", (i + 3) % 7).c_str());
  }
}

class SoundSnapshotTest : public GroundFixture {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartNode({.ground = GetParam()})); }

  // The restored volume is larger: its filesystem is checked, and grown, before it is answered.
  absl::Status CheckOne(const std::string& source, int number) {
    ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot,
                     client().Snapshot(absl::StrCat("snapshot-", number), source));
    ASSIGN_OR_RETURN(const csi::v1::Volume restored,
                     client().Restore(absl::StrCat("restored-", number), snapshot.snapshot_id(),
                                      2 * GetParam().volume_bytes));
    RETURN_IF_ERROR(client().Delete(restored.volume_id()));
    return client().DeleteSnapshot(snapshot.snapshot_id());
  }
};
INSTANTIATE_FOR_GROUNDS(SoundSnapshotTest, ImageOnXfs(), ImageOnBtrfs());

TEST_P(SoundSnapshotTest, OfMetadataThatChange) {
  ASSERT_OK_AND_ASSIGN(const std::string id, node().CreateVolume("volume"));
  const Pod pod(id, node().directory(), "pod");
  ASSERT_OK(pod.Start(client()));
  std::atomic<bool> stop = false;
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back([&, i] { Churn(pod, i, stop); });
  for (int i = 0; i < kSnapshots; ++i) EXPECT_OK(CheckOne(id, i));
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_OK(pod.Stop(client()));
}

}  // namespace
}  // namespace nodevol::testing

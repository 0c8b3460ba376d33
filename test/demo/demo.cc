// SPDX-License-Identifier: Apache-2.0
//
// The driver's main job, step by step: a pool in a file, the driver on it, a volume's whole life
// over the CSI socket, each step with its time; then nothing is left.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "test/client/driver_process.h"
#include "test/client/volume_client.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {
namespace {

void Say(const std::string& text) { std::printf("%s\n", text.c_str()); }

using Outcome = absl::StatusOr<std::string>;

// Writes to a file until the kernel refuses. Returns what it took and why it stopped.
std::string WriteUntilRefused(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string chunk(static_cast<size_t>(kMiB), 'x');
  int64_t total = 0;
  while (true) {
    const ssize_t put = ::write(file.get(), chunk.data(), chunk.size());
    if (put < 0) break;
    total += put;
  }
  const int error = errno;
  return absl::StrFormat("%d MiB taken, then: %s", total / kMiB, std::strerror(error));
}

absl::Status WriteFile(const std::string& path, const std::string& content) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid() ||
      ::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return ErrnoStatus(errno, absl::StrCat("write ", path));
  }
  return host::Sync(file.get());
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd file, host::OpenPath(path, O_RDONLY));
  std::string content(256, '\0');
  const ssize_t got = ::read(file.get(), content.data(), content.size());
  if (got < 0) return ErrnoStatus(errno, absl::StrCat("read ", path));
  content.resize(static_cast<size_t>(got));
  return content;
}

std::string Describe(const csi::v1::NodeGetVolumeStatsResponse& stats) {
  std::string text;
  for (const csi::v1::VolumeUsage& usage : stats.usage()) {
    if (usage.unit() == csi::v1::VolumeUsage::BYTES) {
      absl::StrAppendFormat(&text, "%d of %d MiB used", usage.used() / kMiB, usage.total() / kMiB);
    } else {
      absl::StrAppendFormat(&text, ", %d inodes", usage.used());
    }
  }
  return text;
}

// A volume, and where a CO would stage and publish it.
struct Place {
  std::string id;
  std::string staging = NewDirectory();
  std::string target = staging + "-target";
};

// One volume's life. Each step is a line: what was done, how long it took, what came of it.
class Walk {
 public:
  Walk(VolumeClient& client, std::string name, int64_t bytes)
      : client_(client), name_(std::move(name)), bytes_(bytes) {}

  absl::Status Run() {
    Step(absl::StrFormat("CreateVolume \"%s\", %d MiB", name_, bytes_ / kMiB), &Walk::Create);
    Step("CreateVolume again", &Walk::CreateAgain);
    Step("NodeStageVolume", &Walk::Stage);
    Step("NodePublishVolume", &Walk::Publish);
    Step("the pod writes \"hello\"", &Walk::WriteHello);
    Step("the pod writes past its limit", &Walk::Flood);
    Step("CreateSnapshot while it is published", &Walk::Snapshot);
    Step("the pod writes \"goodbye\" over it", &Walk::WriteGoodbye);
    Step("CreateVolume from the snapshot, stage, publish", &Walk::Restore);
    Step(absl::StrFormat("expand it to %d MiB, published", 2 * bytes_ / kMiB), &Walk::Expand);
    Step("the pod writes past its new limit", &Walk::Flood);
    Step("NodeGetVolumeStats", &Walk::Stats);
    Step("DeleteVolume while it is published", &Walk::DeleteInUse);
    Step("unpublish, unstage, delete volumes and snapshot", &Walk::TakeDown);
    return failure_;
  }

 private:
  void Step(const std::string& what, Outcome (Walk::*step)()) {
    if (!failure_.ok()) return;
    const absl::Duration start = MonotonicNow();
    const Outcome outcome = (this->*step)();
    const double milliseconds = absl::ToDoubleMilliseconds(MonotonicNow() - start);
    failure_ = outcome.status();
    Say(absl::StrFormat("  %2d  %-48s %9.2f ms  %s", ++steps_, what, milliseconds,
                        outcome.ok() ? *outcome : failure_.ToString()));
  }

  Outcome Create() {
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_.Create(name_, bytes_));
    place_.id = volume.volume_id();
    return place_.id;
  }
  Outcome CreateAgain() {
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_.Create(name_, bytes_));
    if (volume.volume_id() != place_.id) return absl::InternalError("another volume");
    return "the same volume";
  }
  Outcome Stage() {
    RETURN_IF_ERROR(client_.Stage(place_.id, place_.staging));
    return "";
  }
  Outcome Publish() {
    RETURN_IF_ERROR(client_.Publish(place_.id, place_.staging, place_.target));
    return "";
  }
  Outcome WriteHello() {
    RETURN_IF_ERROR(WriteFile(place_.target + kGreeting, "hello"));
    return "";
  }
  Outcome Flood() {
    const std::string path = place_.target + "/flood";
    std::string outcome = WriteUntilRefused(path);
    ::unlink(path.c_str());
    // btrfs counts usage when it commits, every 30 s or now.
    ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath(place_.target, O_RDONLY | O_DIRECTORY));
    RETURN_IF_ERROR(host::SyncFilesystem(root.get()));
    return outcome;
  }
  Outcome Snapshot() {
    ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot,
                     client_.Snapshot(name_ + "-snapshot", place_.id));
    snapshot_id_ = snapshot.snapshot_id();
    return snapshot_id_;
  }
  Outcome WriteGoodbye() {
    RETURN_IF_ERROR(WriteFile(place_.target + kGreeting, "goodbye"));
    return "";
  }
  Outcome Restore() {
    ASSIGN_OR_RETURN(const csi::v1::Volume volume,
                     client_.Restore(name_ + "-restored", snapshot_id_));
    restored_.id = volume.volume_id();
    RETURN_IF_ERROR(client_.Stage(restored_.id, restored_.staging));
    RETURN_IF_ERROR(client_.Publish(restored_.id, restored_.staging, restored_.target));
    ASSIGN_OR_RETURN(const std::string then, ReadFile(restored_.target + kGreeting));
    ASSIGN_OR_RETURN(const std::string now, ReadFile(place_.target + kGreeting));
    if (then != "hello" || now != "goodbye") return absl::InternalError("wrong content");
    return absl::StrCat("restored: \"", then, "\", live: \"", now, "\"");
  }
  Outcome Expand() {
    ASSIGN_OR_RETURN(const int64_t granted, client_.ControllerExpand(place_.id, 2 * bytes_));
    RETURN_IF_ERROR(client_.NodeExpand(place_.id, place_.target, granted).status());
    return "";
  }
  Outcome Stats() {
    ASSIGN_OR_RETURN(const auto stats, client_.Stats(place_.id, place_.target));
    return Describe(stats);
  }
  Outcome DeleteInUse() {
    const absl::Status refused = client_.Delete(place_.id);
    if (refused.ok()) return absl::InternalError("it was deleted under the pod");
    return absl::StrCat("refused: ", absl::StatusCodeToString(refused.code()));
  }
  Outcome TakeDown() {
    for (const Place* place : {&place_, &restored_}) {
      RETURN_IF_ERROR(client_.Unpublish(place->id, place->target));
      RETURN_IF_ERROR(client_.Unstage(place->id, place->staging));
      RETURN_IF_ERROR(client_.Delete(place->id));
      ::rmdir(place->staging.c_str());
    }
    RETURN_IF_ERROR(client_.DeleteSnapshot(snapshot_id_));
    return "";
  }

  static constexpr char kGreeting[] = "/greeting";

  VolumeClient& client_;
  const std::string name_;
  const int64_t bytes_;
  Place place_;
  Place restored_;
  std::string snapshot_id_;
  int steps_ = 0;
  absl::Status failure_;
};

absl::Status Demo() {
  RETURN_IF_ERROR(EnterSandbox());
  const Leftovers before = Leftovers::Now();
  {
    Say("nodevol demo: a pool on btrfs in a file, the driver on it, and two volumes' lives\n");
    ASSIGN_OR_RETURN(
        const TestFilesystem disk,
        TestFilesystem::Create({.type = host::FilesystemType::kBtrfs, .bytes = 8 * kGiB}));
    const std::string run = NewDirectory();
    const absl::Duration start = MonotonicNow();
    ASSIGN_OR_RETURN(DriverProcess driver,
                     DriverProcess::Start({.pools = {absl::StrCat("demo=", disk.path())},
                                           .socket_path = run + "/csi.sock",
                                           .log_path = run + "/log",
                                           .more_flags = {"--create-pools"}}));
    Say(absl::StrFormat("the driver serves unix://%s/csi.sock, %.0f ms after its start\n", run,
                        absl::ToDoubleMilliseconds(MonotonicNow() - start)));
    Say("A directory volume: a subvolume under a kernel quota (backend: directory)");
    VolumeClient directories(driver.socket_path(), {MountCapability(), {{"backend", "directory"}}});
    RETURN_IF_ERROR(Walk(directories, "data", 64 * kMiB).Run());
    Say("\nAn image volume: xfs in a file behind a loop device (csi.storage.k8s.io/fstype: xfs)");
    VolumeClient images(driver.socket_path(), {MountCapability("xfs"), {}});
    RETURN_IF_ERROR(Walk(images, "database", 512 * kMiB).Run());
    const int exit_code = driver.Terminate();
    Say(absl::StrCat("\nthe driver ended on SIGTERM with status ", exit_code));
    ::unlink((run + "/log").c_str());
    ::rmdir(run.c_str());
    if (exit_code != 0) return absl::InternalError("the driver did not end well");
  }
  const Leftovers after = Leftovers::Now();
  if (after.loops != before.loops || after.mounts != before.mounts) {
    return absl::InternalError(absl::StrCat("left behind: ", after.loops - before.loops,
                                            " loop devices, ", after.mounts - before.mounts,
                                            " mounts"));
  }
  Say("nothing is left: no mount, no loop device, no file");
  return absl::OkStatus();
}

}  // namespace
}  // namespace nodevol::testing

int main() {
  if (const absl::Status shown = nodevol::testing::Demo(); !shown.ok()) {
    std::fprintf(stderr, "the demo failed: %s\n", shown.ToString().c_str());
    return 1;
  }
  return 0;
}

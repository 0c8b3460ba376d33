// SPDX-License-Identifier: Apache-2.0
#include "test/soak/volume_life.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "test/service/pod.h"

namespace nodevol::testing {
namespace {

constexpr char kFile[] = "content";
constexpr absl::Duration kPatience = absl::Minutes(3);

// What the driver could not answer because it was killed, was just starting, or was still busy with
// the call that was cut short.
bool MayBeRetried(const absl::Status& answer) {
  switch (answer.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct VolumeLives::Life {
  std::string name;
  std::string volume_id;
  std::string content;
  int64_t bytes = 0;
};

VolumeLives::VolumeLives(VolumeClient& client, int64_t volume_bytes, std::string directory,
                         std::string name, unsigned seed)
    : client_(client),
      volume_bytes_(volume_bytes),
      directory_(std::move(directory)),
      name_(std::move(name)),
      random_(seed) {}

bool VolumeLives::Chance(int percent) { return static_cast<int>(random_() % 100) < percent; }

absl::Status VolumeLives::Insist(absl::string_view what,
                                 const std::function<absl::Status()>& call) {
  const absl::Duration deadline = MonotonicNow() + kPatience;
  while (true) {
    ++calls_;
    const absl::Status answer = call();
    if (!MayBeRetried(answer) || MonotonicNow() > deadline) return Annotate(answer, what);
    absl::SleepFor(absl::Milliseconds(20));
  }
}

absl::Status VolumeLives::LiveOne() {
  Life life;
  life.name = absl::StrCat(name_, "-", lives_++);
  life.bytes = volume_bytes_;
  RETURN_IF_ERROR(Begin(life));
  RETURN_IF_ERROR(Use(life, "", absl::StrCat(life.name, " one")));
  if (Chance(30)) RETURN_IF_ERROR(SnapshotAndRestore(life));
  if (Chance(20)) RETURN_IF_ERROR(Clone(life));
  if (Chance(30)) RETURN_IF_ERROR(Expand(life));
  if (Chance(20)) RETURN_IF_ERROR(Modify(life));
  if (Chance(50)) RETURN_IF_ERROR(Use(life, life.content, absl::StrCat(life.name, " two")));
  return End(life);
}

absl::Status VolumeLives::Begin(Life& life) {
  return Insist("create", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_.Create(life.name, life.bytes));
    life.volume_id = volume.volume_id();
    return absl::OkStatus();
  });
}

absl::Status VolumeLives::Use(Life& life, const std::string& expected, const std::string& next) {
  const Pod pod(life.volume_id, directory_, life.name);
  RETURN_IF_ERROR(Insist("publish", [&] { return pod.Start(client_); }));
  if (!expected.empty()) {
    ASSIGN_OR_RETURN(const std::string found, pod.Read(kFile, expected.size()));
    if (found != expected) {
      return absl::DataLossError(
          absl::StrCat(life.name, " holds \"", found, "\", not \"", expected, "\""));
    }
  }
  RETURN_IF_ERROR(Annotate(pod.Write(kFile, next), "write"));
  life.content = next;
  return Insist("unpublish", [&] { return pod.Stop(client_); });
}

absl::Status VolumeLives::ExpectCopy(const std::string& volume_id, const std::string& name,
                                     const std::string& content) {
  Life copy = {.name = name, .volume_id = volume_id, .content = content, .bytes = 0};
  RETURN_IF_ERROR(Use(copy, content, "overwritten"));
  return End(copy);
}

absl::Status VolumeLives::SnapshotAndRestore(Life& life) {
  const std::string name = absl::StrCat(life.name, "-snapshot");
  std::string snapshot_id;
  RETURN_IF_ERROR(Insist("snapshot", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot, client_.Snapshot(name, life.volume_id));
    snapshot_id = snapshot.snapshot_id();
    return absl::OkStatus();
  }));
  const std::string restored = absl::StrCat(life.name, "-restored");
  std::string restored_id;
  RETURN_IF_ERROR(Insist("restore", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_.Restore(restored, snapshot_id));
    restored_id = volume.volume_id();
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(ExpectCopy(restored_id, restored, life.content));
  return Insist("delete the snapshot", [&] { return client_.DeleteSnapshot(snapshot_id); });
}

absl::Status VolumeLives::Clone(Life& life) {
  const std::string name = absl::StrCat(life.name, "-clone");
  std::string clone_id;
  RETURN_IF_ERROR(Insist("clone", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_.Clone(name, life.volume_id));
    clone_id = volume.volume_id();
    return absl::OkStatus();
  }));
  return ExpectCopy(clone_id, name, life.content);
}

absl::Status VolumeLives::Expand(Life& life) {
  life.bytes *= 2;
  return Insist("expand", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t size, client_.ControllerExpand(life.volume_id, life.bytes));
    return size == life.bytes ? absl::OkStatus()
                              : absl::InternalError(absl::StrCat("it has ", size, " bytes"));
  });
}

absl::Status VolumeLives::Modify(Life& life) {
  for (const char* const window : {"1h", "0"}) {
    csi::v1::ControllerModifyVolumeRequest request;
    request.set_volume_id(life.volume_id);
    (*request.mutable_mutable_parameters())["undeleteWindow"] = window;
    RETURN_IF_ERROR(Insist("modify", [&] {
      return client_.csi().Call(&CsiClient::Controller::ControllerModifyVolume, request).status();
    }));
  }
  return absl::OkStatus();
}

absl::Status VolumeLives::End(Life& life) {
  return Insist("delete", [&] { return client_.Delete(life.volume_id); });
}

}  // namespace nodevol::testing

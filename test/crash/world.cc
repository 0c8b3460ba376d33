// SPDX-License-Identifier: Apache-2.0
#include "test/crash/world.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/remove_tree.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

constexpr size_t kContentBytes = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<World>> World::Create(const Ground& ground) {
  ASSIGN_OR_RETURN(TestFilesystem disk, TestFilesystem::Create(DiskFor(ground, int64_t{4} << 30)));
  std::unique_ptr<World> world(new World(ground, std::move(disk)));
  world->directory_ = NewDirectory();
  world->staging_ = world->directory_ + "/staging";
  world->target_ = world->directory_ + "/target";
  ::mkdir(world->staging_.c_str(), 0700);
  ::mkdir(world->second_staging().c_str(), 0700);
  RETURN_IF_ERROR(world->StartDriver());
  world->initial_mounts_ = Leftovers::Now().mounts;
  return world;
}

World::~World() {
  driver_.reset();
  UnmountAll();
  DetachOwnLoops(disk_.loop_number()).IgnoreError();
  const absl::StatusOr<UniqueFd> scratch = host::OpenPath("/mnt", O_RDONLY | O_DIRECTORY);
  if (scratch.ok()) {
    host::RemoveTree(scratch->get(), absl::string_view(directory_).substr(5)).IgnoreError();
  }
}

void World::UnmountAll() const {
  for (const std::string& path : {target_, staging_ + "/device", staging_, second_target(),
                                  second_staging() + "/device", second_staging()}) {
    while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
  }
}

DriverProcess::Options World::DriverOptions() const {
  DriverProcess::Options options = {.pools = {absl::StrCat("p=", disk_.path())},
                                    .socket_path = directory_ + "/csi.sock",
                                    .log_path = directory_ + "/log",
                                    .more_flags = {"--create-pools", "--log-level=debug"}};
  if (const char* preload = std::getenv("NODEVOL_CRASH_PRELOAD"); preload != nullptr) {
    options.environment.push_back(absl::StrCat("LD_PRELOAD=", preload));
  }
  return options;
}

absl::Status World::StartDriver() {
  client_.reset();
  admin_.reset();
  driver_.reset();
  ASSIGN_OR_RETURN(DriverProcess driver, DriverProcess::Start(DriverOptions()));
  driver_.emplace(std::move(driver));
  client_ = std::make_unique<VolumeClient>(driver_->socket_path(), ground_.volume_class);
  admin_ = std::make_unique<CsiClient>(AdminSocketOf(driver_->socket_path()));
  return absl::OkStatus();
}

std::string World::Log() const {
  std::ifstream file(directory_ + "/log");
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

absl::Status World::WriteContent(const std::string& content) {
  const bool block = ground_.volume_class.capability.has_block();
  const UniqueFd file(block ? ::open(target_.c_str(), O_WRONLY | O_CLOEXEC)
                            : ::open((target_ + "/content").c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoStatus(errno, "open the content");
  std::string padded = content;
  padded.resize(kContentBytes, '.');
  if (::write(file.get(), padded.data(), padded.size()) != static_cast<ssize_t>(padded.size())) {
    return ErrnoStatus(errno, "write the content");
  }
  return host::Sync(file.get());
}

absl::StatusOr<std::string> World::ReadContent() {
  const bool block = ground_.volume_class.capability.has_block();
  ASSIGN_OR_RETURN(const UniqueFd file,
                   host::OpenPath(block ? target_ : target_ + "/content", O_RDONLY));
  std::string content(kContentBytes, '\0');
  const ssize_t got = ::read(file.get(), content.data(), content.size());
  if (got < 0) return ErrnoStatus(errno, "read the content");
  content.resize(static_cast<size_t>(got));
  return content.substr(0, content.find('.'));
}

absl::Status World::TearDown() {
  csi::v1::ListVolumesRequest list_volumes;
  ASSIGN_OR_RETURN(const auto volumes,
                   client_->csi().Call(&CsiClient::Controller::ListVolumes, list_volumes));
  if (!volume_id.empty()) {
    RETURN_IF_ERROR(client_->Unpublish(volume_id, target_));
    RETURN_IF_ERROR(client_->Unstage(volume_id, staging_));
  }
  if (!inline_id.empty()) RETURN_IF_ERROR(client_->Unpublish(inline_id, target_));
  if (!second_volume_id.empty()) {
    RETURN_IF_ERROR(client_->Unpublish(second_volume_id, second_target()));
    RETURN_IF_ERROR(client_->Unstage(second_volume_id, second_staging()));
  }
  for (const auto& entry : volumes.entries()) {
    const std::string& id = entry.volume().volume_id();
    csi::v1::ControllerUnpublishVolumeRequest unpublish;
    unpublish.set_volume_id(id);
    RETURN_IF_ERROR(
        client_->csi().Call(&CsiClient::Controller::ControllerUnpublishVolume, unpublish).status());
    RETURN_IF_ERROR(client_->Delete(id));
  }
  RETURN_IF_ERROR(DeleteSnapshots());
  volume_id.clear();
  snapshot_id.clear();
  restored_id.clear();
  inline_id.clear();
  second_volume_id.clear();
  group.Clear();
  return absl::OkStatus();
}

absl::Status World::DeleteSnapshots() {
  csi::v1::ListSnapshotsRequest list;
  ASSIGN_OR_RETURN(const auto snapshots,
                   client_->csi().Call(&CsiClient::Controller::ListSnapshots, list));
  std::map<std::string, csi::v1::VolumeGroupSnapshot> groups;
  for (const auto& entry : snapshots.entries()) {
    const std::string& group_id = entry.snapshot().group_snapshot_id();
    if (group_id.empty()) {
      RETURN_IF_ERROR(client_->DeleteSnapshot(entry.snapshot().snapshot_id()));
    } else {
      groups[group_id].set_group_snapshot_id(group_id);
      *groups[group_id].add_snapshots() = entry.snapshot();
    }
  }
  for (const auto& [id, whole] : groups) RETURN_IF_ERROR(client_->DeleteGroup(whole));
  return absl::OkStatus();
}

absl::Status World::Probe() {
  return client_->csi().Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()).status();
}

bool World::DriverIsGone() { return absl::IsUnavailable(Probe()); }

absl::Status World::AwaitReaped() {
  const std::string trash = disk_.path() + "/.nodevol/trash";
  return Eventually([&]() -> absl::Status {
    const absl::Status empty = CheckEmpty(trash);
    if (empty.ok()) return empty;
    RETURN_IF_ERROR(Probe());
    return empty;
  });
}

absl::Status World::CheckRecovered() {
  RETURN_IF_ERROR(CheckEmpty(disk_.path() + "/.nodevol/staging"));
  // A loop device of a volume is there only while something is mounted; the pool's own is one more.
  // The kernel frees one when the last has closed it, and other programs look at them too.
  return Eventually([this]() -> absl::Status {
    const Leftovers now = Leftovers::Now();
    if (now.mounts > initial_mounts_ || now.loops <= 1) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(now.loops - 1, " loop devices without a mount"));
  });
}

absl::Status World::CheckClean() {
  RETURN_IF_ERROR(CheckPoolEmpty(disk_));
  RETURN_IF_ERROR(CheckEmpty(staging_));
  RETURN_IF_ERROR(CheckEmpty(second_staging()));
  for (const std::string& path : {target_, second_target()}) {
    if (::access(path.c_str(), F_OK) == 0) return absl::InternalError("a target is left");
  }
  return Eventually([this]() -> absl::Status {
    const Leftovers now = Leftovers::Now();
    if (now.loops == 1 && now.mounts == initial_mounts_) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(now.loops - 1, " loop devices and ",
                                            now.mounts - initial_mounts_, " mounts are left"));
  });
}

absl::Status World::CutPowerAndReboot() {
  RETURN_IF_ERROR(disk_.CutPower());
  client_.reset();
  driver_.reset();
  UnmountAll();
  // Raw devices have no mount that frees them.
  RETURN_IF_ERROR(DetachOwnLoops(disk_.loop_number()));
  RETURN_IF_ERROR(disk_.Remount());
  for (const std::string& staging : {staging_, second_staging()}) {
    ::unlink((staging + "/device").c_str());
  }
  for (const std::string& target : {target_, second_target()}) {
    ::unlink(target.c_str());
    ::rmdir(target.c_str());
  }
  return StartDriver();
}

}  // namespace nodevol::testing

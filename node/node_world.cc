// SPDX-License-Identifier: Apache-2.0
#include "node/node_world.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/loop_device.h"
#include "host/mount_table.h"
#include "rpc/convert.h"
#include "test/support/project_quota.h"

namespace nodevol::node {
namespace {

using host::FilesystemType;
using storage::VolumeId;

// What the directories of this process begin with (test/support/sandbox.h).
std::string Scratch() { return absl::StrCat("/mnt/", ::getpid(), "-"); }

absl::StatusOr<UniqueFd> OpenContent(const std::string& path, int flags) {
  ASSIGN_OR_RETURN(const host::FileInfo info, host::InspectPath(path));
  const std::string file = S_ISDIR(info.mode) ? absl::StrCat(path, "/content") : path;
  UniqueFd fd(::open(file.c_str(), flags | O_CLOEXEC | (S_ISDIR(info.mode) ? O_CREAT : 0), 0600));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", file));
  return fd;
}

// Only those: other test programs of the machine have loop devices too.
absl::Status DetachLoopsIn(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<host::AttachedLoop> loops, host::ListLoops());
  for (const host::AttachedLoop& loop : loops) {
    ASSIGN_OR_RETURN(const UniqueFd sysfs,
                     host::OpenPath(absl::StrCat("/sys/block/loop", loop.number), O_RDONLY));
    constexpr size_t kMaxBytes = 8192;
    const auto file = host::ReadFile(sysfs.get(), "loop/backing_file", kMaxBytes);
    if (!file.ok() || !absl::StartsWith(*file, directory + "/")) continue;
    ASSIGN_OR_RETURN(const host::LoopDevice device, host::OpenLoop(loop.number, true));
    RETURN_IF_ERROR(host::DetachLoop(device.fd.get()));
  }
  return absl::OkStatus();
}

}  // namespace

Kind DirectoryOnBtrfs() {
  return {.name = "DirectoryOnBtrfs", .pool = FilesystemType::kBtrfs, .backend = "directory"};
}
Kind DirectoryOnXfs() {
  return {.name = "DirectoryOnXfs", .backend = "directory", .project_quotas = true};
}
Kind DirectoryOnExt4() {
  return {.name = "DirectoryOnExt4",
          .pool = FilesystemType::kExt4,
          .backend = "directory",
          .project_quotas = true};
}
Kind Ext4OnXfs() { return {.name = "Ext4OnXfs", .fs_type = "ext4"}; }
Kind BlockOnXfs() { return {.name = "BlockOnXfs", .block = true}; }

std::vector<Kind> MountKinds() {
  return {DirectoryOnBtrfs(),
          DirectoryOnXfs(),
          DirectoryOnExt4(),
          Ext4OnXfs(),
          Kind{.name = "XfsOnExt4", .pool = FilesystemType::kExt4, .fs_type = "xfs"},
          Kind{.name = "BtrfsOnXfs", .fs_type = "btrfs"}};
}

std::vector<Kind> BlockKinds() {
  return {BlockOnXfs(),
          Kind{.name = "BlockOnBtrfs", .pool = FilesystemType::kBtrfs, .block = true}};
}

std::vector<Kind> AllKinds() {
  std::vector<Kind> kinds = MountKinds();
  for (Kind& kind : BlockKinds()) kinds.push_back(std::move(kind));
  return kinds;
}

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

NodeWorld::NodeWorld(Kind kind, testing::TestFilesystem disk)
    : kind_(std::move(kind)), disk_(std::move(disk)) {}

absl::StatusOr<std::unique_ptr<NodeWorld>> NodeWorld::Create(const Kind& kind) {
  testing::TestFilesystem::Options options = {.type = kind.pool};
  if (kind.project_quotas) options = testing::WithProjectQuotas(kind.pool);
  ASSIGN_OR_RETURN(testing::TestFilesystem disk, testing::TestFilesystem::Create(options));
  std::unique_ptr<NodeWorld> world(new NodeWorld(kind, std::move(disk)));
  // A pool is a directory in a filesystem; the root of a new ext4 is not empty.
  if (::mkdir((world->disk_.path() + "/pool").c_str(), 0700) != 0) {
    return ErrnoStatus(errno, "mkdir the pool");
  }
  RETURN_IF_ERROR(world->Start());
  return world;
}

std::string NodeWorld::PoolPath() const { return disk_.path() + "/pool"; }

absl::Status NodeWorld::Start() {
  return StartWith({{.name = "main", .path = PoolPath(), .create = true}});
}

absl::Status NodeWorld::StartWithoutPool() { return StartWith({}); }

absl::Status NodeWorld::StartWith(const std::vector<storage::PoolOptions>& pools) {
  ASSIGN_OR_RETURN(storage_, storage::LocalStorage::Open("node-1", pools));
  handler_ = std::make_unique<NodeHandler>(*storage_, rpc::Topology("csi.nodevol.io"), options_);
  return absl::OkStatus();
}

void NodeWorld::Stop() {
  handler_.reset();
  storage_.reset();
}

absl::Status NodeWorld::Restart() {
  Stop();
  return Start();
}

absl::Status NodeWorld::Reboot() {
  Stop();
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  for (auto entry = table.rbegin(); entry != table.rend(); ++entry) {
    if (!absl::StartsWith(entry->target, Scratch()) || entry->target == disk_.path()) continue;
    if (::umount2(entry->target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      return ErrnoStatus(errno, absl::StrCat("umount ", entry->target));
    }
  }
  RETURN_IF_ERROR(DetachLoopsIn(PoolPath()));
  RETURN_IF_ERROR(disk_.Remount());
  return Start();
}

csi::v1::VolumeCapability NodeWorld::Capability(Mode::Mode mode) const {
  csi::v1::VolumeCapability capability;
  capability.mutable_access_mode()->set_mode(mode);
  if (kind_.block) {
    capability.mutable_block();
  } else {
    capability.mutable_mount()->set_fs_type(kind_.fs_type);
  }
  return capability;
}

absl::StatusOr<std::string> NodeWorld::CreateVolume(const std::string& name, Mode::Mode mode) {
  v1::VolumeRequest request;
  request.set_name(name);
  request.mutable_capacity_range()->set_required_bytes(kVolumeBytes);
  *request.add_capabilities() = rpc::FromCsi(Capability(mode));
  (*request.mutable_parameters())["backend"] = kind_.backend;
  ASSIGN_OR_RETURN(const storage::VolumePtr volume,
                   Await<storage::VolumePtr>([&](Callback<storage::VolumePtr> done) {
                     storage_->CreateVolume({}, request, std::move(done));
                   }));
  return volume->id();
}

absl::Status NodeWorld::ControllerPublish(const std::string& id, bool read_only) {
  v1::ControllerPublication publication;
  publication.set_node_id("node-1");
  publication.set_readonly(read_only);
  *publication.mutable_capability() = rpc::FromCsi(Capability(Mode::SINGLE_NODE_WRITER));
  return Await<storage::VolumePtr>([&](Callback<storage::VolumePtr> done) {
           storage_->PublishVolume({}, *VolumeId::Parse(id), publication, std::move(done));
         })
      .status();
}

absl::Status NodeWorld::ControllerUnpublish(const std::string& id) {
  return Await<bool>([&](Callback<bool> done) {
           storage_->UnpublishVolume({}, *VolumeId::Parse(id), "",
                                     AnsweringEmpty<bool>(std::move(done)));
         })
      .status();
}

absl::StatusOr<int64_t> NodeWorld::ControllerExpand(const std::string& id, int64_t bytes) {
  v1::CapacityRange range;
  range.set_required_bytes(bytes);
  ASSIGN_OR_RETURN(const storage::ExpandedVolume expanded,
                   Await<storage::ExpandedVolume>([&](Callback<storage::ExpandedVolume> done) {
                     storage_->ExpandVolume({}, *VolumeId::Parse(id), range, std::move(done));
                   }));
  return expanded.volume->size_bytes();
}

absl::Status NodeWorld::Delete(const std::string& id) {
  return Await<bool>([&](Callback<bool> done) {
           storage_->DeleteVolume({}, *VolumeId::Parse(id), AnsweringEmpty<bool>(std::move(done)));
         })
      .status();
}

absl::Status WriteContent(const std::string& path, const std::string& content) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenContent(path, O_WRONLY));
  if (::pwrite(fd.get(), content.data(), content.size(), 0) !=
      static_cast<ssize_t>(content.size())) {
    return ErrnoStatus(errno, absl::StrCat("write at ", path));
  }
  return host::Sync(fd.get());
}

absl::StatusOr<std::string> ReadContent(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenContent(path, O_RDONLY));
  std::string content(64, '\0');
  const ssize_t got = ::pread(fd.get(), content.data(), content.size(), 0);
  if (got < 0) return ErrnoStatus(errno, absl::StrCat("read at ", path));
  // A device has zeros after what was written.
  return content.substr(0, content.find('\0'));
}

bool IsMountRoot(const std::string& path) {
  const absl::StatusOr<host::FileInfo> info = host::InspectPath(path);
  return info.ok() && info->mount_root;
}

absl::StatusOr<int64_t> SizeSeenAt(const std::string& path) {
  ASSIGN_OR_RETURN(const host::FileInfo info, host::InspectPath(path));
  if (S_ISBLK(info.mode)) {
    ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(path, O_RDONLY));
    return host::BlockDeviceSize(device.get());
  }
  struct statvfs usage = {};
  if (::statvfs(path.c_str(), &usage) != 0) return ErrnoStatus(errno, "statvfs");
  return static_cast<int64_t>(usage.f_blocks * usage.f_frsize);
}

std::vector<std::string> NamesIn(const std::string& path) {
  const absl::StatusOr<UniqueFd> directory = host::OpenPath(path, O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) return {std::string(directory.status().message())};
  return host::ListDirectory(directory->get()).value();
}

absl::Status MountTmpfs(const std::string& path) {
  if (::mount("foreign", path.c_str(), "tmpfs", 0, "") != 0) {
    return ErrnoStatus(errno, absl::StrCat("mount a tmpfs on ", path));
  }
  return absl::OkStatus();
}

}  // namespace nodevol::node

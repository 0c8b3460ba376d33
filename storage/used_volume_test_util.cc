// SPDX-License-Identifier: Apache-2.0
#include "storage/used_volume_test_util.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/loop_device.h"
#include "host/mount.h"
#include "storage/capability.h"
#include "storage/image_backend.h"

namespace nodevol::storage {
namespace {

constexpr size_t kMaxContent = 4096;  // what a raw device is read and written by

absl::Status StageMount(LocalVolume& volume, const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd tree,
                   volume.backend().OpenMount(volume.object.get(), *volume.record, {}));
  ASSIGN_OR_RETURN(const UniqueFd target, host::OpenPath(path, O_PATH | O_DIRECTORY));
  return host::AttachMount(tree.get(), target.get());
}

absl::Status StageDevice(LocalVolume& volume, const std::string& path) {
  ASSIGN_OR_RETURN(const host::LoopDevice loop,
                   volume.backend().AttachDevice(volume.object.get(), *volume.record, false));
  ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(loop.Path(), O_PATH));
  ASSIGN_OR_RETURN(const UniqueFd tree, host::CloneTree(device.get()));
  ASSIGN_OR_RETURN(const UniqueFd target, host::OpenPath(path, O_PATH));
  return host::AttachMount(tree.get(), target.get());
}

bool IsFree(int loop) {
  const absl::StatusOr<host::LoopDevice> device = host::OpenLoop(loop, /*read_only=*/true);
  if (!device.ok()) return true;
  const auto backing = host::LoopBackingOf(device->fd.get());
  return backing.ok() && !backing->has_value();
}

}  // namespace

absl::StatusOr<UsedVolume> UsedVolume::Stage(TestNode& node, const VolumePtr& volume) {
  const bool block = IsBlock(*volume);
  std::string path = testing::NewDirectory();
  if (block) {
    ASSIGN_OR_RETURN(const UniqueFd directory, host::OpenPath(path, O_RDONLY | O_DIRECTORY));
    RETURN_IF_ERROR(host::WriteNewFile(directory.get(), "device", "", 0600));
    path += "/device";
  }
  const absl::Status staged = node.OnVolume(volume, [&](LocalVolume& local) -> absl::Status {
    RETURN_IF_ERROR(block ? StageDevice(local, path) : StageMount(local, path));
    local.engine.mounts().Add(volume->id(), {.path = path, .capability = std::nullopt});
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(staged);
  UsedVolume used(path, block);
  ASSIGN_OR_RETURN(const UniqueFd fd, host::OpenPath(path, O_PATH));
  ASSIGN_OR_RETURN(used.loop_, LoopBeneath(fd.get()));
  // The disk of the pool is a loop device too.
  if (volume->has_directory()) used.loop_.reset();
  return used;
}

UsedVolume::~UsedVolume() { Release().IgnoreError(); }

absl::Status UsedVolume::Release() {
  if (path_.empty()) return absl::OkStatus();
  // The driver looks at what is mounted now and then, for a moment.
  absl::Status unmounted;
  Eventually([&] { return ErrnoOf(unmounted = host::Unmount(path_)) != EBUSY; });
  RETURN_IF_ERROR(unmounted);
  path_.clear();
  if (!loop_.has_value()) return absl::OkStatus();
  if (block_) {
    ASSIGN_OR_RETURN(const host::LoopDevice loop, host::OpenLoop(*loop_, /*read_only=*/true));
    RETURN_IF_ERROR(host::DetachLoop(loop.fd.get()));
  }
  if (!Eventually([this] { return IsFree(*loop_); })) {
    return absl::DeadlineExceededError(absl::StrCat(host::LoopPath(*loop_), " stays bound"));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> UsedVolume::OpenForWriting() const {
  UniqueFd file(block_ ? ::open(path_.c_str(), O_WRONLY | O_CLOEXEC)
                       : ::open(ContentPath().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoStatus(errno, "open the content");
  return file;
}

absl::Status UsedVolume::WriteWithoutSync(absl::string_view content) const {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenForWriting());
  std::string padded(content);
  padded.resize(kMaxContent, '\0');
  if (::pwrite(file.get(), padded.data(), padded.size(), 0) < 0) {
    return ErrnoStatus(errno, "write the content");
  }
  return absl::OkStatus();
}

absl::Status UsedVolume::Write(absl::string_view content) const {
  RETURN_IF_ERROR(WriteWithoutSync(content));
  ASSIGN_OR_RETURN(const UniqueFd file, OpenForWriting());
  return host::Sync(file.get());
}

absl::StatusOr<std::string> UsedVolume::Read() const {
  ASSIGN_OR_RETURN(const UniqueFd file, host::OpenPath(ContentPath(), O_RDONLY));
  std::string content(kMaxContent, '\0');
  const ssize_t got = ::pread(file.get(), content.data(), content.size(), 0);
  if (got < 0) return ErrnoStatus(errno, "read the content");
  content.resize(std::min(static_cast<size_t>(got), content.find('\0')));
  return content;
}

int64_t UsedVolume::Fill(const std::string& name, int64_t most, int& error) const {
  const std::string path = block_ ? path_ : absl::StrCat(path_, "/", name);
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | (block_ ? 0 : O_CREAT), 0600));
  const std::string chunk(static_cast<size_t>(kMiB), 'x');
  int64_t total = 0;
  error = file.valid() ? 0 : errno;
  while (error == 0 && total < most) {
    const ssize_t put = ::write(file.get(), chunk.data(), chunk.size());
    error = put < 0 ? errno : 0;
    if (put > 0) total += put;
  }
  return total;
}

absl::Status WriteContent(TestNode& node, const VolumePtr& volume, absl::string_view content) {
  ASSIGN_OR_RETURN(UsedVolume used, UsedVolume::Stage(node, volume));
  RETURN_IF_ERROR(used.Write(content));
  return used.Release();
}

absl::StatusOr<std::string> ReadContent(TestNode& node, const VolumePtr& volume) {
  ASSIGN_OR_RETURN(UsedVolume used, UsedVolume::Stage(node, volume));
  ASSIGN_OR_RETURN(std::string content, used.Read());
  RETURN_IF_ERROR(used.Release());
  return content;
}

}  // namespace nodevol::storage

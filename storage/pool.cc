// SPDX-License-Identifier: Apache-2.0
#include "storage/pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "host/file_data.h"
#include "host/file_lock.h"
#include "storage/health.h"
#include "storage/ids.h"
#include "storage/layout.h"
#include "storage/pool_init.h"
#include "storage/record_file.h"
#include "storage/root_filesystem.h"

namespace nodevol::storage {
namespace {

// The path of an open directory without links, as the kernel knows it.
absl::StatusOr<std::string> CanonicalPath(int fd) {
  std::array<char, 4096> buffer = {};
  const ssize_t length =
      ::readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), buffer.data(), buffer.size());
  if (length < 0) return ErrnoStatus(errno, "ask for the pool's path");
  return std::string(buffer.data(), static_cast<size_t>(length));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pool>> Pool::Open(const PoolOptions& options) {
  std::unique_ptr<Pool> pool(new Pool(options));
  absl::Status opened = pool->OpenRoot();
  if (opened.ok()) opened = pool->OpenPrepared();
  if (!opened.ok()) {
    return Annotate(opened, absl::StrCat("pool \"", options.name, "\" at ", options.path));
  }
  return pool;
}

absl::Status Pool::OpenRoot() {
  absl::StatusOr<UniqueFd> root = host::OpenPath(options_.path, O_RDONLY | O_DIRECTORY);
  if (!root.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(root.status().message(),
                     "; is its disk mounted? Mount the filesystem for the pool there, and make the "
                     "directory if the pool is one in it"));
  }
  root_ = *std::move(root);
  ASSIGN_OR_RETURN(path_, CanonicalPath(root_.get()));
  ASSIGN_OR_RETURN(identity_, host::Inspect(root_.get()));
  ASSIGN_OR_RETURN(filesystem_, host::IdentifyFilesystem(root_.get()));
  ASSIGN_OR_RETURN(const bool on_root, IsOnRootFilesystem(root_.get()));
  if (on_root) {
    return absl::FailedPreconditionError(
        "no filesystem is mounted here: the directory is on the node's root filesystem, which the "
        "pool would fill; mount the disk that is meant for it");
  }
  if (filesystem_ == host::FilesystemType::kOther) {
    return absl::FailedPreconditionError(
        "its filesystem is none that pools can be on; use xfs, ext4 or btrfs");
  }
  return absl::OkStatus();
}

absl::Status Pool::OpenPrepared() {
  ASSIGN_OR_RETURN(std::optional<v1::PoolMarker> marker, ReadPoolMarker(root_.get()));
  // What was a pool before is not prepared: where its marker is missing another disk is mounted.
  if (!marker.has_value() && options_.create && options_.uuid.empty()) {
    if (!options_.attended) RETURN_IF_ERROR(CheckOfOwnFilesystem(path_));
    RETURN_IF_ERROR(PreparePool(root_.get()));
    ASSIGN_OR_RETURN(marker, ReadPoolMarker(root_.get()));
  }
  if (!marker.has_value()) {
    return absl::FailedPreconditionError(
        "the directory is not prepared as a pool (no .nodevol/pool in it); if the right disk is "
        "mounted and it is empty, prepare it with \"nodevol pool init\", or start once with "
        "--create-pools");
  }
  ASSIGN_OR_RETURN(const std::string filesystem_uuid, host::FilesystemUuid(root_.get()));
  if (marker->filesystem_uuid() != filesystem_uuid) {
    return absl::FailedPreconditionError(
        absl::StrCat("the pool was prepared on another filesystem (", marker->filesystem_uuid(),
                     ") than the one that is mounted (", filesystem_uuid,
                     "); mount the right disk. A copy of a pool is never used as the pool"));
  }
  if (!IsUuid(marker->pool_uuid())) return absl::DataLossError("its marker has no valid UUID");
  uuid_ = marker->pool_uuid();
  if (!options_.uuid.empty() && uuid_ != options_.uuid) {
    return absl::FailedPreconditionError(
        absl::StrCat("this is another pool (", uuid_, ") than the one that was there before (",
                     options_.uuid, "); mount that one's disk, or restart the driver to use this"));
  }
  RETURN_IF_ERROR(OpenDirectories());
  ASSIGN_OR_RETURN(const host::FilesystemUsage usage, host::UsageOf(root_.get()));
  if (usage.read_only) {
    return absl::FailedPreconditionError("its filesystem is mounted read-only; mount it writable");
  }
  RETURN_IF_ERROR(Lock());
  ProbeFilesystem();
  RETURN_IF_ERROR(reserve_.Open(meta_.get(), Reserve::SizeFor(usage.total_bytes)));
  RETURN_IF_ERROR(OpenGroups());
  RETURN_IF_ERROR(BeginEpoch());
  return RefreshSpace();
}

absl::Status Pool::OpenDirectories() {
  ASSIGN_OR_RETURN(meta_, host::OpenDirectory(root_.get(), kMetaDirectory));
  ASSIGN_OR_RETURN(volumes_, host::OpenDirectory(root_.get(), kVolumesDirectory));
  ASSIGN_OR_RETURN(snapshots_, host::OpenDirectory(root_.get(), kSnapshotsDirectory));
  ASSIGN_OR_RETURN(staging_, host::OpenDirectory(meta_.get(), kStagingDirectory));
  ASSIGN_OR_RETURN(trash_, host::OpenDirectory(meta_.get(), kTrashDirectory));
  return absl::OkStatus();
}

absl::Status Pool::OpenGroups() {
  absl::StatusOr<UniqueFd> groups = host::OpenDirectory(root_.get(), kGroupsDirectory);
  if (ErrnoOf(groups.status()) == ENOENT) {
    // The pool was prepared by a driver that knew no groups.
    RETURN_IF_ERROR(WriteOnFull(
        [this] { return host::MakeDirectory(root_.get(), kGroupsDirectory, kDirectoryMode); }));
    RETURN_IF_ERROR(host::Sync(root_.get()));
    groups = host::OpenDirectory(root_.get(), kGroupsDirectory);
  }
  RETURN_IF_ERROR(groups.status());
  groups_ = *std::move(groups);
  return absl::OkStatus();
}

absl::Status Pool::WriteOnFull(absl::FunctionRef<absl::Status()> write) {
  const absl::Status written = write();
  if (!IsOutOfSpace(written)) return written;
  RETURN_IF_ERROR(reserve_.GiveUp());
  return write();
}

absl::Status Pool::BeginEpoch() {
  v1::PoolEpoch record;
  const absl::Status read = ReadRecord(meta_.get(), kEpochFile, record);
  if (absl::IsFailedPrecondition(read)) return read;  // a newer driver's
  if (!read.ok() && ErrnoOf(read) != ENOENT) {
    // More than any count has come to.
    record.set_epoch(static_cast<uint64_t>(absl::ToUnixSeconds(absl::Now())));
    log::Warn("the pool's epoch can't be read; it goes on from a higher one",
              {{"pool", name()}, {"error", read}});
  }
  record.set_epoch(record.epoch() + 1);
  epoch_ = record.epoch();
  const absl::Status written =
      WriteOnFull([&] { return ReplaceRecord(meta_.get(), kEpochFile, record); });
  if (IsOutOfSpace(written)) {
    // Others have taken the reserve's room too. What would make some is asked for by who needs the
    // pool open; that the next opening may have the same number is less.
    log::Warn("the disk is too full to write down the pool's epoch",
              {{"pool", name()}, {"epoch", absl::StrCat(epoch_)}, {"error", written}});
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(written);
  return host::Sync(meta_.get());
}

absl::Status Pool::Lock() {
  ASSIGN_OR_RETURN(lock_, host::OpenBeneath(meta_.get(), kLockFile, O_RDWR | O_CREAT, kFileMode));
  ASSIGN_OR_RETURN(const bool locked, host::TryLockFile(lock_.get()));
  if (!locked) {
    const absl::StatusOr<std::string> owner = host::ReadFile(meta_.get(), kLockFile, 256);
    return absl::AlreadyExistsError(
        absl::StrCat("another process owns the pool", owner.ok() && !owner->empty() ? ": " : "",
                     owner.ok() ? *owner : "", "; stop it first, a pool has one owner"));
  }
  // Only for the message above: the lock itself is the kernel's.
  owner_ = absl::StrCat("pid ", ::getpid());
  RETURN_IF_ERROR(host::SetFileSize(lock_.get(), 0));
  if (const absl::Status noted = NoteOwner(); !noted.ok()) {
    log::Warn("can't note the pool's owner", {{"pool", name()}, {"error", noted}});
  }
  return absl::OkStatus();
}

absl::Status Pool::NoteOwner() {
  if (::pwrite(lock_.get(), owner_.data(), owner_.size(), 0) >= 0) return absl::OkStatus();
  return ErrnoStatus(errno, "write the lock file");
}

void Pool::ProbeFilesystem() {
  const absl::StatusOr<bool> reflink = host::SupportsReflink(staging_.get());
  reflink_ = reflink.ok() && *reflink;
  direct_io_alignment_ = host::DirectIoAlignment(lock_.get());
  directory_limit_ = ProbeDirectoryLimit(root_.get(), filesystem_);
}

absl::Status Pool::Check() {
  RETURN_IF_ERROR(fault());
  const absl::StatusOr<host::FileInfo> now = host::InspectPath(path_);
  if (now.ok() && now->SameFileAs(identity_) && now->mount_id == identity_.mount_id) {
    return absl::OkStatus();
  }
  // XFS that has shut down answers no stat any more: that is no other disk, but a failed one.
  FaultOnDiskError(host::Inspect(root_.get()).status());
  RETURN_IF_ERROR(fault());
  return WithReason(
      absl::UnavailableError(absl::StrCat("pool \"", name(), "\": what is mounted at ", path_,
                                          " is not the filesystem that the driver opened there; "
                                          "unmount that, or mount the pool's disk again")),
      kPoolNotMounted);
}

absl::Status Pool::CheckDisk() {
  // A sync wears the disk and keeps it awake; a disk that fails tells it to whoever syncs next.
  constexpr int kChecksPerSync = 6;
  RETURN_IF_ERROR(Check());
  ASSIGN_OR_RETURN(const host::FilesystemUsage usage, host::UsageOf(root_.get()));
  if (usage.read_only) {
    return FaultByDisk(ErrnoStatus(EROFS, "its filesystem has turned read-only"));
  }
  // The same bytes again: an error says something of the disk only.
  absl::Status alive = NoteOwner();
  if (alive.ok() && checks_of_disk_++ % kChecksPerSync == 0) alive = host::Sync(lock_.get());
  if (!alive.ok() && !IsOutOfSpace(alive)) return FaultByDisk(alive);  // full is no failure
  return RefreshSpace();
}

absl::Status Pool::SyncOrFault(int fd) {
  RETURN_IF_ERROR(fault());
  const absl::Status synced = host::Sync(fd);
  if (!synced.ok()) return FaultByDisk(synced);
  // fsync(2) of a directory succeeds on an XFS that has shut down and dropped its log; stat(2)
  // tells the truth there.
  const absl::Status alive = host::Inspect(fd).status();
  return alive.ok() ? alive : FaultByDisk(alive);
}

void Pool::FaultOnDiskError(const absl::Status& status) {
  const int error = ErrnoOf(status);
  if (error == EIO || error == EROFS || error == ESHUTDOWN || error == ENODEV) {
    FaultByDisk(status).IgnoreError();
  }
}

absl::Status Pool::FaultByDisk(const absl::Status& cause) {
  return Fault(
      WithReason(absl::UnavailableError(absl::StrCat(
                     "pool \"", name(), "\" is faulted: its disk failed (", cause.message(),
                     "), and what reached it is unknown. Look after the disk; when it works and is "
                     "mounted the pool is opened anew")),
                 ErrnoOf(cause) == EROFS ? kPoolReadOnly : kPoolFailed));
}

absl::Status Pool::Fault(const absl::Status& reason) {
  absl::MutexLock lock(&mutex_);
  if (!fault_.ok()) return fault_;
  fault_ = reason;
  log::Error("the pool takes no changes", {{"pool", name()}, {"error", reason}});
  return fault_;
}

void Pool::GiveUp(absl::string_view why) {
  Fault(WithReason(absl::UnavailableError(absl::StrCat("pool \"", name(), "\": ", why)),
                   kPoolNotMounted))
      .IgnoreError();
}

void Pool::Release() {
  for (UniqueFd* fd :
       {&root_, &meta_, &lock_, &volumes_, &snapshots_, &groups_, &staging_, &trash_}) {
    fd->reset();
  }
  reserve_.Close();
}

absl::Status Pool::fault() const {
  absl::MutexLock lock(&mutex_);
  return fault_;
}

absl::Status Pool::RefreshSpace() {
  ASSIGN_OR_RETURN(const host::FilesystemUsage usage, host::UsageOf(root_.get()));
  const int64_t roots_share = usage.free_bytes - usage.available_bytes;
  const int64_t reserve = Reserve::SizeFor(usage.total_bytes);
  ledger_.SetFilesystem(usage.total_bytes - roots_share - reserve,
                        usage.available_bytes - reserve_.Missing());
  return absl::OkStatus();
}

}  // namespace nodevol::storage

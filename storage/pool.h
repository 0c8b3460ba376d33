// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_POOL_H_
#define NODEVOL_STORAGE_POOL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/unique_fd.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "storage/directory_limit.h"
#include "storage/ledger.h"
#include "storage/reserve.h"

namespace nodevol::storage {

struct PoolOptions {
  std::string name;
  std::string path;
  // Prepare an empty directory; without it an unprepared one is refused.
  bool create = false;
  // With `create`: a person asks for this one, so it may also be where a disk is usually mounted
  // (CheckOfOwnFilesystem).
  bool attended = false;
  // How many times its space the pool may promise.
  double overcommit = 1.0;
  // The pool that must be found there; "" for whichever is.
  std::string uuid = {};
  // How often the disk is asked whether it works, and tried again while it does not.
  absl::Duration check_interval = absl::Seconds(5);
  // A disk that takes longer for a small write is taken for one that hangs.
  absl::Duration disk_patience = absl::Seconds(10);
};

// A directory on one disk that holds volumes: its identity, its directories, its space, and the
// right to change it. It is used only while it is provably the disk that it was when it was opened;
// a missing directory is never taken for an empty one.
class Pool {
 public:
  // Opens and locks a pool, or prepares one. FAILED_PRECONDITION, saying which and what to do, when
  // the directory is missing, its filesystem is not mounted, it is not prepared, it belongs to
  // another filesystem, or it is another pool than the one that must be there. ALREADY_EXISTS when
  // another process owns it.
  static absl::StatusOr<std::unique_ptr<Pool>> Open(const PoolOptions& options);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  [[nodiscard]] const PoolOptions& options() const { return options_; }
  [[nodiscard]] const std::string& name() const { return options_.name; }
  // Absolute, without links.
  [[nodiscard]] const std::string& path() const { return path_; }
  // The directory, as it was when the pool was opened.
  [[nodiscard]] const host::FileInfo& identity() const { return identity_; }
  [[nodiscard]] const std::string& uuid() const { return uuid_; }
  // Grows by one each time the pool is opened, on whichever node: of two who say that they own it,
  // the one with the higher number does.
  [[nodiscard]] uint64_t epoch() const { return epoch_; }
  [[nodiscard]] host::FilesystemType filesystem() const { return filesystem_; }
  // Snapshots and clones of files share blocks.
  [[nodiscard]] bool reflink() const { return reflink_; }
  // What limits directories here, or why nothing does.
  [[nodiscard]] const DirectoryLimit& directory_limit() const { return directory_limit_; }
  // What direct I/O on its files must be aligned to, 0 when unknown.
  [[nodiscard]] uint32_t direct_io_alignment() const { return direct_io_alignment_; }

  // Descriptors, open while the pool is.
  [[nodiscard]] int root() const { return root_.get(); }
  [[nodiscard]] int meta() const { return meta_.get(); }
  [[nodiscard]] int volumes() const { return volumes_.get(); }
  [[nodiscard]] int snapshots() const { return snapshots_.get(); }
  [[nodiscard]] int groups() const { return groups_.get(); }
  [[nodiscard]] int staging() const { return staging_.get(); }
  [[nodiscard]] int trash() const { return trash_.get(); }

  Ledger& ledger() { return ledger_; }
  const Ledger& ledger() const { return ledger_; }
  Reserve& reserve() { return reserve_; }

  // The guard before every change: UNAVAILABLE, with the reason, when the pool is faulted or what
  // is mounted at its path is not what was.
  absl::Status Check();

  // fsync of something that is, or may be, visible. After an error nobody can know what is on the
  // disk, so the pool is faulted: it refuses all changes until it is opened anew.
  absl::Status SyncOrFault(int fd);
  // Asks the disk whether it still works: a small write, now and then synced. Faults the pool when
  // it does not. Hangs with the disk.
  absl::Status CheckDisk();
  // Faults the pool when `status` carries an errno that says that its disk fails.
  void FaultOnDiskError(const absl::Status& status);
  // Why the pool refuses changes; OK while it does not.
  [[nodiscard]] absl::Status fault() const;
  // Refuses all changes from now on, with this reason, until the pool is opened anew.
  void GiveUp(absl::string_view why);
  // Gives the disk back: closes every descriptor, the lock too. The pool is faulted and nobody
  // works on it.
  void Release();

  // Asks the filesystem for its space. Cheap, but may hang with the disk: not for an RPC's own
  // thread.
  absl::Status RefreshSpace();

 private:
  explicit Pool(PoolOptions options) : options_(std::move(options)), ledger_(options_.overcommit) {}

  absl::Status FaultByDisk(const absl::Status& cause);
  absl::Status Fault(const absl::Status& reason);
  absl::Status OpenRoot();
  absl::Status OpenPrepared();
  absl::Status OpenDirectories();
  absl::Status OpenGroups();
  absl::Status BeginEpoch();
  // Runs `write`, once more without the reserve when the filesystem is full.
  absl::Status WriteOnFull(absl::FunctionRef<absl::Status()> write);
  absl::Status Lock();
  absl::Status NoteOwner();
  void ProbeFilesystem();

  const PoolOptions options_;
  std::string path_;
  std::string uuid_;
  uint64_t epoch_ = 0;
  host::FilesystemType filesystem_ = host::FilesystemType::kOther;
  bool reflink_ = false;
  DirectoryLimit directory_limit_;
  uint32_t direct_io_alignment_ = 0;
  host::FileInfo identity_;
  UniqueFd root_;
  UniqueFd meta_;
  UniqueFd lock_;
  std::string owner_;       // what stands in the lock file
  int checks_of_disk_ = 0;  // CheckDisk's alone
  UniqueFd volumes_;
  UniqueFd snapshots_;
  UniqueFd groups_;
  UniqueFd staging_;
  UniqueFd trash_;
  Reserve reserve_;
  Ledger ledger_;

  mutable absl::Mutex mutex_;
  absl::Status fault_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_POOL_H_

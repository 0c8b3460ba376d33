// SPDX-License-Identifier: Apache-2.0
#include "host/btrfs.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "host/btrfs_search.h"
#include "host/file.h"

namespace nodevol::host {
namespace {

constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();

absl::StatusOr<btrfs_ioctl_vol_args_v2> NamedArguments(absl::string_view name) {
  btrfs_ioctl_vol_args_v2 args = {};
  if (name.size() > BTRFS_SUBVOL_NAME_MAX) return ErrnoStatus(ENAMETOOLONG, name);
  std::memcpy(args.name, name.data(), name.size());
  return args;
}

// The kernel's thread that commits looks for a call before it goes to sleep (fs/btrfs/disk-io.c,
// transaction_kthread). One that comes between the two it misses, and it sleeps for the commit
// interval, 30 s by default, while START_SYNC waits: seen once in some thousand commits that
// followed each other at once. Another call wakes it.
class SecondCall {
 public:
  explicit SecondCall(int fd) {
    try {
      thread_ = std::thread([this, fd] {
        uint64_t transaction = 0;
        if (answered_.WaitForNotificationWithTimeout(kPatience)) return;
        (void)::ioctl(fd, BTRFS_IOC_START_SYNC, &transaction);  // the first one's answer counts
      });
    } catch (const std::system_error& error) {
      log::Warn("no thread to ask btrfs again for a commit, should it have missed the first time",
                {{"error", error.what()}});
    }
  }
  ~SecondCall() {
    answered_.Notify();
    if (thread_.joinable()) thread_.join();
  }
  SecondCall(const SecondCall&) = delete;
  SecondCall& operator=(const SecondCall&) = delete;

 private:
  static constexpr absl::Duration kPatience = absl::Milliseconds(250);

  absl::Notification answered_;
  std::thread thread_;
};

absl::Status StartCommit(int fd, uint64_t& transaction) {
  const SecondCall second(fd);
  if (::ioctl(fd, BTRFS_IOC_START_SYNC, &transaction) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "start a btrfs commit");
}

}  // namespace

absl::Status CreateSubvolume(int parent, absl::string_view name) {
  ASSIGN_OR_RETURN(btrfs_ioctl_vol_args_v2 args, NamedArguments(name));
  if (::ioctl(parent, BTRFS_IOC_SUBVOL_CREATE_V2, &args) != 0) {
    return ErrnoStatus(errno, absl::StrCat("create subvolume ", name));
  }
  return absl::OkStatus();
}

absl::Status SnapshotSubvolume(int source, int parent, absl::string_view name, bool read_only) {
  ASSIGN_OR_RETURN(btrfs_ioctl_vol_args_v2 args, NamedArguments(name));
  args.fd = source;
  if (read_only) args.flags = BTRFS_SUBVOL_RDONLY;
  if (::ioctl(parent, BTRFS_IOC_SNAP_CREATE_V2, &args) != 0) {
    return ErrnoStatus(errno, absl::StrCat("snapshot subvolume to ", name));
  }
  return absl::OkStatus();
}

absl::StatusOr<SubvolumeId> SubvolumeOf(int fd) {
  btrfs_ioctl_ino_lookup_args args = {};
  args.objectid = BTRFS_FIRST_FREE_OBJECTID;
  if (::ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) != 0) {
    return ErrnoStatus(errno, "look up the subvolume");
  }
  return args.treeid;
}

absl::StatusOr<bool> IsSubvolumeRoot(int fd) {
  ASSIGN_OR_RETURN(const FileInfo info, Inspect(fd));
  return info.inode == BTRFS_FIRST_FREE_OBJECTID;
}

absl::StatusOr<UniqueFd> OpenSubvolume(int fd, SubvolumeId id) {
  // By file handle: a path would have to be put together from back references. struct btrfs_fid and
  // FILEID_BTRFS_WITHOUT_PARENT of the kernel (fs/btrfs/export.h, include/linux/exportfs.h); 0 is
  // any generation.
  struct {
    unsigned int bytes = 2 * sizeof(uint64_t) + sizeof(uint32_t);
    int type = 0x4d;
    uint64_t inode = BTRFS_FIRST_FREE_OBJECTID;
    uint64_t subvolume = 0;
    uint32_t generation = 0;
  } handle;
  handle.subvolume = id;
  UniqueFd root(::open_by_handle_at(fd, reinterpret_cast<file_handle*>(&handle),
                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return ErrnoStatus(errno, absl::StrCat("open subvolume ", id));
  return root;
}

absl::Status MakeSubvolumeWritable(int fd) {
  uint64_t flags = 0;
  if (::ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) != 0) {
    return ErrnoStatus(errno, "ask for the subvolume's flags");
  }
  if ((flags & BTRFS_SUBVOL_RDONLY) == 0) return absl::OkStatus();
  flags &= ~uint64_t{BTRFS_SUBVOL_RDONLY};
  if (::ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) != 0) {
    return ErrnoStatus(errno, "make the subvolume writable");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SubvolumeId>> ChildSubvolumes(int fd, SubvolumeId parent) {
  std::vector<SubvolumeId> children;
  RETURN_IF_ERROR(SearchTree(fd, BTRFS_ROOT_TREE_OBJECTID, {parent, BTRFS_ROOT_REF_KEY, 0},
                             {parent, BTRFS_ROOT_REF_KEY, kMax64},
                             [&children](const BtrfsKey& key, absl::string_view) {
                               if (key.type == BTRFS_ROOT_REF_KEY) children.push_back(key.offset);
                               return true;
                             }));
  return children;
}

absl::StatusOr<bool> SubvolumeExists(int fd, SubvolumeId id) {
  bool found = false;
  RETURN_IF_ERROR(SearchTree(fd, BTRFS_ROOT_TREE_OBJECTID, {id, BTRFS_ROOT_ITEM_KEY, 0},
                             {id, BTRFS_ROOT_ITEM_KEY, kMax64},
                             [&found](const BtrfsKey&, absl::string_view) {
                               found = true;
                               return false;
                             }));
  return found;
}

absl::Status DestroySubvolume(int parent, absl::string_view name) {
  ASSIGN_OR_RETURN(btrfs_ioctl_vol_args_v2 args, NamedArguments(name));
  if (::ioctl(parent, BTRFS_IOC_SNAP_DESTROY_V2, &args) != 0) {
    return ErrnoStatus(errno, absl::StrCat("destroy subvolume ", name));
  }
  return absl::OkStatus();
}

absl::Status DestroySubvolumeById(int fd, SubvolumeId id) {
  btrfs_ioctl_vol_args_v2 args = {};
  args.flags = BTRFS_SUBVOL_SPEC_BY_ID;
  args.subvolid = id;
  if (::ioctl(fd, BTRFS_IOC_SNAP_DESTROY_V2, &args) != 0) {
    return ErrnoStatus(errno, absl::StrCat("destroy subvolume ", id));
  }
  return absl::OkStatus();
}

absl::Status CommitTransaction(int fd) {
  constexpr int kAttempts = 10;
  absl::Status committed;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint64_t transaction = 0;
    RETURN_IF_ERROR(StartCommit(fd, transaction));
    if (::ioctl(fd, BTRFS_IOC_WAIT_SYNC, &transaction) == 0) return absl::OkStatus();
    committed = ErrnoStatus(errno, "wait for a btrfs commit");
    // EINVAL: the kernel knows the transaction neither as running nor as committed. Another one has
    // everything in it as well.
    if (ErrnoOf(committed) != EINVAL) break;
  }
  return committed;
}

absl::Status DisableCopyOnWrite(int fd) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return ErrnoStatus(errno, "ask for file flags");
  flags |= FS_NOCOW_FL;
  if (::ioctl(fd, FS_IOC_SETFLAGS, &flags) != 0) {
    return ErrnoStatus(errno, "turn copy-on-write off");
  }
  return absl::OkStatus();
}

absl::Status GrowBtrfs(int fd) {
  btrfs_ioctl_vol_args args = {};
  std::strncpy(args.name, "max", sizeof(args.name) - 1);
  if (::ioctl(fd, BTRFS_IOC_RESIZE, &args) != 0) return ErrnoStatus(errno, "grow btrfs");
  return absl::OkStatus();
}

absl::StatusOr<std::string> BtrfsDevicePath(int fd) {
  btrfs_ioctl_dev_info_args args = {};
  args.devid = 1;
  if (::ioctl(fd, BTRFS_IOC_DEV_INFO, &args) != 0) {
    return ErrnoStatus(errno, "ask btrfs for its device");
  }
  const auto* path = reinterpret_cast<const char*>(args.path);
  return std::string(path, ::strnlen(path, sizeof(args.path)));
}

absl::StatusOr<std::optional<int64_t>> CountInodes(int fd, SubvolumeId id, int64_t max_items) {
  int64_t inodes = 0;
  int64_t items = 0;
  RETURN_IF_ERROR(
      SearchTree(fd, id, {BTRFS_FIRST_FREE_OBJECTID, 0, 0},
                 {BTRFS_LAST_FREE_OBJECTID, std::numeric_limits<uint8_t>::max(), kMax64},
                 [&](const BtrfsKey& key, absl::string_view) {
                   if (key.type == BTRFS_INODE_ITEM_KEY) ++inodes;
                   return ++items <= max_items;
                 }));
  if (items > max_items) return std::nullopt;
  return inodes;
}

absl::StatusOr<uint64_t> SubvolumeGeneration(int fd) {
  btrfs_ioctl_get_subvol_info_args args = {};
  // The kernel lets the 1 of an inexact tree search through when it succeeds.
  if (::ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &args) < 0) {
    return ErrnoStatus(errno, "ask for the subvolume's generation");
  }
  return args.generation;
}

}  // namespace nodevol::host

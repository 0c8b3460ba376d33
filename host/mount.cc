// SPDX-License-Identifier: Apache-2.0
#include "host/mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::host {
namespace {

uint64_t Bits(const MountAttributes& attributes) {
  uint64_t bits = 0;
  if (attributes.read_only) bits |= MOUNT_ATTR_RDONLY;
  if (attributes.nosuid) bits |= MOUNT_ATTR_NOSUID;
  if (attributes.nodev) bits |= MOUNT_ATTR_NODEV;
  if (attributes.noexec) bits |= MOUNT_ATTR_NOEXEC;
  if (attributes.nodiratime) bits |= MOUNT_ATTR_NODIRATIME;
  switch (attributes.access_time) {
    case MountAttributes::AccessTime::kRelative:
      bits |= MOUNT_ATTR_RELATIME;
      break;
    case MountAttributes::AccessTime::kNone:
      bits |= MOUNT_ATTR_NOATIME;
      break;
    case MountAttributes::AccessTime::kStrict:
      bits |= MOUNT_ATTR_STRICTATIME;
      break;
  }
  return bits;
}

// What the kernel says about a failed step; it queues messages on the fsopen(2) descriptor.
std::string KernelMessages(int context) {
  std::string all;
  std::array<char, 512> line = {};
  for (ssize_t got = 0; (got = ::read(context, line.data(), line.size())) > 0;) {
    const auto text = absl::StripAsciiWhitespace({line.data(), static_cast<size_t>(got)});
    absl::StrAppend(&all, all.empty() ? "" : "; ", text);
  }
  return all;
}

absl::Status ContextError(int context, int error, absl::string_view what) {
  const std::string messages = KernelMessages(context);
  return ErrnoStatus(error, messages.empty() ? std::string(what)
                                             : absl::StrCat(what, " (kernel: ", messages, ")"));
}

absl::Status SetOption(int context, const FilesystemOption& option) {
  const bool flag = option.second.empty();
  const int failed = ::fsconfig(context, flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING,
                                option.first.c_str(), flag ? nullptr : option.second.c_str(), 0);
  if (failed != 0) {
    return ContextError(context, errno, absl::StrCat("mount option ", option.first));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenClone(int fd, unsigned flags) {
  const int tree = ::open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);
  if (tree < 0) return ErrnoStatus(errno, "open_tree");
  return UniqueFd(tree);
}

absl::Status UnmountWith(absl::string_view path, int flags) {
  if (::umount2(std::string(path).c_str(), UMOUNT_NOFOLLOW | flags) != 0) {
    return ErrnoStatus(errno, absl::StrCat("umount ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> CloneTree(int fd) { return OpenClone(fd, 0); }

absl::StatusOr<UniqueFd> CloneTreeRecursively(int fd) { return OpenClone(fd, AT_RECURSIVE); }

absl::StatusOr<UniqueFd> NewMount(absl::string_view filesystem, absl::string_view device,
                                  bool read_only, const std::vector<FilesystemOption>& options,
                                  const MountAttributes& attributes) {
  const UniqueFd context(::fsopen(std::string(filesystem).c_str(), FSOPEN_CLOEXEC));
  if (!context.valid()) return ErrnoStatus(errno, absl::StrCat("fsopen ", filesystem));
  RETURN_IF_ERROR(SetOption(context.get(), {"source", std::string(device)}));
  if (read_only) RETURN_IF_ERROR(SetOption(context.get(), {"ro", ""}));
  for (const FilesystemOption& option : options) {
    RETURN_IF_ERROR(SetOption(context.get(), option));
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return ContextError(context.get(), errno, absl::StrCat("mount ", filesystem));
  }
  const int tree =
      ::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(Bits(attributes)));
  if (tree < 0) return ContextError(context.get(), errno, "fsmount");
  return UniqueFd(tree);
}

absl::Status ReconfigureFilesystem(int fd, const std::vector<FilesystemOption>& options) {
  const UniqueFd context(::fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
  if (!context.valid()) return ErrnoStatus(errno, "fspick");
  for (const FilesystemOption& option : options) {
    RETURN_IF_ERROR(SetOption(context.get(), option));
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) != 0) {
    return ContextError(context.get(), errno, "reconfigure the filesystem");
  }
  return absl::OkStatus();
}

absl::Status SetMountAttributes(int tree, const MountAttributes& attributes) {
  struct mount_attr change = {};
  change.attr_set = Bits(attributes);
  change.attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                    MOUNT_ATTR_NODIRATIME | MOUNT_ATTR__ATIME;
  if (::mount_setattr(tree, "", AT_EMPTY_PATH, &change, sizeof(change)) != 0) {
    return ErrnoStatus(errno, "mount_setattr");
  }
  return absl::OkStatus();
}

absl::Status RestrictClone(int tree, const MountAttributes& attributes) {
  struct mount_attr change = {};
  change.attr_set = Bits(attributes);
  if (attributes.access_time != MountAttributes::AccessTime::kRelative) {
    change.attr_clr = MOUNT_ATTR__ATIME;
  }
  change.propagation = MS_SLAVE;
  if (::mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &change, sizeof(change)) != 0) {
    return ErrnoStatus(errno, "mount_setattr");
  }
  return absl::OkStatus();
}

absl::Status AttachMount(int tree, int target) {
  if (::move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, "move_mount");
  }
  return absl::OkStatus();
}

absl::Status Unmount(absl::string_view path) { return UnmountWith(path, 0); }

absl::Status DetachMount(absl::string_view path) { return UnmountWith(path, MNT_DETACH); }

}  // namespace nodevol::host

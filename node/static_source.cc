// SPDX-License-Identifier: Apache-2.0
#include "node/static_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "base/errno_status.h"
#include "base/path.h"
#include "base/status_macros.h"
#include "host/loop_device.h"
#include "node/mount_owner.h"

namespace nodevol::node {
namespace {

using storage::StaticType;
using storage::StaticVolume;

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0644;

// The longest prefix of a path; null when it is beneath none.
const std::string* PrefixOf(const StaticPrefixes& prefixes, const std::string& path) {
  const std::string* longest = nullptr;
  for (const std::string& prefix : prefixes) {
    if (!IsPathWithin(path, prefix)) continue;
    if (longest == nullptr || prefix.size() > longest->size()) longest = &prefix;
  }
  return longest;
}

absl::Status LinkOnTheWay(absl::string_view path, absl::string_view remedy) {
  return absl::FailedPreconditionError(absl::StrCat(
      "path ", path,
      ": it, or a directory on the way, is a symbolic link, and links are not followed "
      "because a pod could have made them; ",
      remedy));
}

// By their file system errors: what the administrator can do about them.
absl::Status Explain(const absl::Status& failed, const StaticVolume& volume) {
  switch (ErrnoOf(failed)) {
    case 0:
      return failed;
    case ENOENT:
      return absl::NotFoundError(absl::StrCat(
          "path ", volume.path, " does not exist on this node; make it",
          volume.type == StaticType::kFileOrCreate ? ": FileOrCreate does not make its directory"
                                                   : ", or use type DirectoryOrCreate"));
    case ELOOP:
      return LinkOnTheWay(volume.path, "name the path that it leads to");
    case ENOTDIR:
      return absl::FailedPreconditionError(
          absl::StrCat("path ", volume.path, ": something on the way is no directory"));
    default:
      return Annotate(failed, absl::StrCat("path ", volume.path));
  }
}

absl::StatusOr<UniqueFd> OpenPrefix(const std::string& prefix) {
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath("/", O_PATH | O_DIRECTORY));
  absl::StatusOr<UniqueFd> fd =
      host::OpenBeneath(root.get(), absl::StripPrefix(prefix, "/"), O_PATH | O_DIRECTORY);
  switch (ErrnoOf(fd.status())) {
    case 0:
      return fd;
    case ENOENT:
    case ENOTDIR:
      return absl::FailedPreconditionError(absl::StrCat(
          "--static-path ", prefix, " is no directory on this node; is its disk mounted?"));
    case ELOOP:
      return LinkOnTheWay(prefix, "give --static-path the path that it leads to");
    default:
      return Annotate(fd.status(), absl::StrCat("--static-path ", prefix));
  }
}

absl::string_view NameOf(StaticType type) {
  switch (type) {
    case StaticType::kAny:
      break;
    case StaticType::kDirectory:
    case StaticType::kDirectoryOrCreate:
      return "directory";
    case StaticType::kFile:
    case StaticType::kFileOrCreate:
      return "regular file";
    case StaticType::kSocket:
      return "socket";
    case StaticType::kCharDevice:
      return "character device";
    case StaticType::kBlockDevice:
      return "block device";
  }
  return "file of any kind";
}

bool IsOfType(mode_t mode, StaticType type) {
  switch (type) {
    case StaticType::kAny:
      return true;
    case StaticType::kDirectory:
    case StaticType::kDirectoryOrCreate:
      return S_ISDIR(mode);
    case StaticType::kFile:
    case StaticType::kFileOrCreate:
      return S_ISREG(mode);
    case StaticType::kSocket:
      return S_ISSOCK(mode);
    case StaticType::kCharDevice:
      return S_ISCHR(mode);
    case StaticType::kBlockDevice:
      return S_ISBLK(mode);
  }
  return false;
}

absl::Status InPool(const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat("path ", path, " is in a pool or has one in it; a pool is the driver's alone"));
}

// Before something is made in `directory`, which is called `path`.
absl::Status CheckNotInPool(const storage::LocalStorage& storage, int directory,
                            const std::string& path) {
  ASSIGN_OR_RETURN(const bool in_pool, storage.IsInPool(directory, path));
  // A pool that is not configured now is none of the storage's.
  return in_pool || OwnerOfPath(path).has_value() ? InPool(path) : absl::OkStatus();
}

// Makes what is missing of the directory `relative` beneath another, which is called `path`.
absl::StatusOr<UniqueFd> MakeDirectories(const storage::LocalStorage& storage, UniqueFd directory,
                                         std::string path, absl::string_view relative) {
  for (const absl::string_view name : absl::StrSplit(relative, '/')) {
    absl::StatusOr<UniqueFd> next = host::OpenBeneath(directory.get(), name, O_PATH | O_DIRECTORY);
    if (ErrnoOf(next.status()) == ENOENT) {
      RETURN_IF_ERROR(CheckNotInPool(storage, directory.get(), path));
      const absl::Status made = host::MakeDirectory(directory.get(), name, kDirectoryMode);
      // EEXIST: another pod's call was as fast.
      if (ErrnoOf(made) != EEXIST) RETURN_IF_ERROR(made);
      next = host::OpenBeneath(directory.get(), name, O_PATH | O_DIRECTORY);
    }
    RETURN_IF_ERROR(next.status());
    directory = *std::move(next);
    absl::StrAppend(&path, "/", name);
  }
  return directory;
}

absl::Status MakeFile(int directory, absl::string_view name) {
  const absl::Status made =
      host::OpenBeneath(directory, name, O_WRONLY | O_CREAT | O_EXCL, kFileMode).status();
  return ErrnoOf(made) == EEXIST ? absl::OkStatus() : made;
}

struct Found {
  UniqueFd fd;
  UniqueFd parent;  // not valid where the file itself is a directory for certain
};

// What is at `relative` beneath the prefix, made if it is to be.
absl::StatusOr<Found> Find(const storage::LocalStorage& storage, const StaticVolume& volume,
                           UniqueFd prefix, absl::string_view relative, MayCreate create) {
  Found found;
  if (relative.empty()) {
    found.fd = std::move(prefix);
    return found;
  }
  const std::string prefix_path(absl::StripSuffix(volume.path, absl::StrCat("/", relative)));
  if (volume.type == StaticType::kDirectoryOrCreate && create == MayCreate::kYes) {
    ASSIGN_OR_RETURN(found.fd, MakeDirectories(storage, std::move(prefix), prefix_path, relative));
    return found;
  }
  const size_t slash = relative.rfind('/');
  const bool nested = slash != absl::string_view::npos;
  const absl::string_view name = nested ? relative.substr(slash + 1) : relative;
  ASSIGN_OR_RETURN(found.parent,
                   host::OpenBeneath(prefix.get(), nested ? relative.substr(0, slash) : ".",
                                     O_PATH | O_DIRECTORY));
  absl::StatusOr<UniqueFd> fd = host::OpenBeneath(found.parent.get(), name, O_PATH);
  const bool make = volume.type == StaticType::kFileOrCreate && create == MayCreate::kYes;
  if (ErrnoOf(fd.status()) == ENOENT && make) {
    const std::string parent_path(absl::StripSuffix(volume.path, absl::StrCat("/", name)));
    RETURN_IF_ERROR(CheckNotInPool(storage, found.parent.get(), parent_path));
    RETURN_IF_ERROR(MakeFile(found.parent.get(), name));
    fd = host::OpenBeneath(found.parent.get(), name, O_PATH);
  }
  RETURN_IF_ERROR(fd.status());
  found.fd = *std::move(fd);
  return found;
}

absl::Status CheckNoPool(const storage::LocalStorage& storage, const std::string& path,
                         const host::FileInfo& info, const Found& found) {
  const int directory = S_ISDIR(info.mode) ? found.fd.get() : found.parent.get();
  ASSIGN_OR_RETURN(bool overlaps, S_ISDIR(info.mode) ? storage.OverlapsPool(directory, path)
                                                     : storage.IsInPool(directory, path));
  overlaps |= OwnerOfPath(path).has_value();
  if (const std::optional<int> loop = host::LoopNumber(info.device_number);
      S_ISBLK(info.mode) && loop.has_value()) {
    ASSIGN_OR_RETURN(const std::optional<storage::VolumeId> owner, OwnerOfLoop(*loop));
    overlaps |= owner.has_value();
  }
  return overlaps ? InPool(path) : absl::OkStatus();
}

}  // namespace

bool StaticSource::IsDirectory() const { return S_ISDIR(info.mode); }

bool StaticSource::IsDevice() const { return S_ISCHR(info.mode) || S_ISBLK(info.mode); }

bool StaticSource::CanBeReadOnly() const { return S_ISDIR(info.mode) || S_ISREG(info.mode); }

absl::Status CheckAllowed(const StaticPrefixes& prefixes, const StaticVolume& volume) {
  if (PrefixOf(prefixes, volume.path) != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("path ", volume.path, " is not beneath a --static-path of this node's driver, ",
                   prefixes.empty() ? "which has none"
                                    : absl::StrCat("which are ", absl::StrJoin(prefixes, ", "))));
}

absl::StatusOr<StaticSource> OpenStaticSource(const storage::LocalStorage& storage,
                                              const StaticPrefixes& prefixes,
                                              const StaticVolume& volume, MayCreate create) {
  RETURN_IF_ERROR(CheckAllowed(prefixes, volume));
  const std::string& prefix = *PrefixOf(prefixes, volume.path);
  ASSIGN_OR_RETURN(UniqueFd directory, OpenPrefix(prefix));
  absl::string_view relative = absl::StripPrefix(volume.path, prefix);
  absl::ConsumePrefix(&relative, "/");
  absl::StatusOr<Found> found = Find(storage, volume, std::move(directory), relative, create);
  if (!found.ok()) return Explain(found.status(), volume);
  StaticSource source;
  ASSIGN_OR_RETURN(source.info, host::Inspect(found->fd.get()));
  if (!IsOfType(source.info.mode, volume.type)) {
    return absl::FailedPreconditionError(
        absl::StrCat("path ", volume.path, " is no ", NameOf(volume.type),
                     ", as the volume's type says; correct one of the two"));
  }
  RETURN_IF_ERROR(CheckNoPool(storage, volume.path, source.info, *found));
  source.fd = std::move(found->fd);
  return source;
}

}  // namespace nodevol::node
